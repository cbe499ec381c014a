import { describe, expect, it } from 'vitest';
import { Places } from './places.ts';

describe('places', () => {
  it('are given out up to their number, and again when given up, once', async () => {
    const places = new Places(2);
    const [one, two] = [places.take(), places.take()];
    expect(places.take()).toBeUndefined();
    let freed = 0;
    const waiting = [places.freed(), places.freed()].map((wait) => wait.then(() => (freed += 1)));
    one?.release();
    one?.release();
    await Promise.all(waiting);
    expect({ free: places.free, taken: places.taken, freed }).toEqual({ free: 1, taken: 1, freed: 2 });
    two?.release();
    await places.freed();
    expect(places.free).toBe(2);
  });

  it('are changed for one elsewhere where one is free, and kept where none is', () => {
    const [here, there] = [new Places(1), new Places(1)];
    const moving = here.take();
    expect([moving?.isAmong(here), moving?.isAmong(there)]).toEqual([true, false]);
    expect(moving?.moveTo(there)).toBe(true);
    expect([moving?.isAmong(here), moving?.isAmong(there)]).toEqual([false, true]);
    expect([here.free, there.free]).toEqual([1, 0]);
    const staying = here.take();
    expect(staying?.moveTo(there)).toBe(false);
    expect([here.free, there.free]).toEqual([0, 0]);
    moving?.release();
    expect(moving?.isAmong(there)).toBe(false);
    expect([here.free, there.free]).toEqual([0, 1]);
  });
});
