import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SavePace } from './save-pace.ts';

/** Steps of one unit each; writes take what the case says. @returns the most that was ever unsaved */
async function mostUnsaved(interval: number, steps: number, writeTakes: (save: number) => number): Promise<number> {
  let now = 0;
  let durable = 0;
  let saves = 0;
  /** Writes under way, by when they end. */
  const writing: { at: number; step: number; done: () => void }[] = [];
  const settle = (): void => {
    for (const write of writing.splice(0)) {
      if (write.at > now) {
        writing.push(write);
        continue;
      }
      durable = Math.max(durable, write.step);
      write.done();
    }
  };
  const pace = new SavePace({ interval, now: () => now });
  let most = 0;
  for (let step = 1; step <= steps; step += 1) {
    now += 1;
    settle();
    most = Math.max(most, step - durable);
    if (!pace.isDue) continue;
    let begun = false;
    const begin = pace
      .begin(() => new Promise<void>((done) => writing.push({ at: now + writeTakes(saves++), step, done })))
      .then(() => {
        begun = true;
      });
    for (let turn = 0; turn < 4; turn += 1) await Promise.resolve();
    // The sampler stands still until the store has answered.
    while (!begun) {
      now += 1;
      settle();
      for (let turn = 0; turn < 4; turn += 1) await Promise.resolve();
    }
    await begin;
  }
  return most;
}

it('leaves no more unsaved than the interval and the step in hand, however slow the store is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 12 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 40 })),
      async (interval, durations) => {
        const most = await mostUnsaved(interval, 60, () => durations.next().value as number);
        expect(most).toBeLessThanOrEqual(Math.max(interval, 1) + 1);
      },
    ),
  );
});

it('does not stand still for a store that answers within half the interval', async () => {
  let now = 0;
  const pace = new SavePace({ interval: 10, now: () => now });
  const order: string[] = [];
  let done = (): void => {};
  now = 5;
  expect(pace.isDue).toBe(true);
  await pace.begin(
    () =>
      new Promise<void>((resolve) => {
        order.push('begun');
        done = resolve;
      }),
  );
  order.push('sampling');
  expect(pace.isDue).toBe(false);
  done();
  expect(order).toEqual(['begun', 'sampling']);
});
