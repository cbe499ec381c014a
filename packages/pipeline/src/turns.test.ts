import { setImmediate as nextTurn } from 'node:timers/promises';
import { CancelledError } from '@espalier/contracts';
import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

/** Work that ends when told to. */
function task(turns: Turns, log: string[], name: string, signal?: AbortSignal) {
  let resolve = (): void => {};
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  const work = async (): Promise<string> => {
    log.push(name);
    await promise;
    return name;
  };
  return { done: turns.hold(work, signal), finish: resolve };
}

it('lets so many in at a time, in order', async () => {
  const turns = new Turns(2);
  const log: string[] = [];
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => task(turns, log, name));
  await nextTurn();
  expect(log).toEqual(['a', 'b']);
  b?.finish();
  expect(await b?.done).toBe('b');
  await nextTurn();
  expect(log).toEqual(['a', 'b', 'c']);
  for (const each of [a, c, d]) each?.finish();
  await Promise.all([a?.done, c?.done, d?.done]);
  expect(log).toEqual(['a', 'b', 'c', 'd']);
});

it('goes on after work that failed', async () => {
  const turns = new Turns(1);
  const failing = turns.hold(() => Promise.reject(new Error('odd')), undefined);
  const after = turns.hold(() => Promise.resolve(1), undefined);
  await expect(failing).rejects.toThrow('odd');
  expect(await after).toBe(1);
});

it('lets go of a cancelled one that still waits, and of nobody else', async () => {
  const turns = new Turns(1);
  const log: string[] = [];
  const controller = new AbortController();
  const a = task(turns, log, 'a');
  const b = task(turns, log, 'b', controller.signal);
  const c = task(turns, log, 'c');
  await nextTurn();
  controller.abort();
  await expect(b.done).rejects.toBeInstanceOf(CancelledError);
  a.finish();
  await a.done;
  c.finish();
  expect(await c.done).toBe('c');
  expect(log).toEqual(['a', 'c']);
});
