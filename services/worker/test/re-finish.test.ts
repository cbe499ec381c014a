import type { FolderStore } from '@espalier/storage';
import { beforeEach, expect, it } from 'vitest';
import { bucket, drop, forever, ManualTime, statusOf, worker } from './helpers.ts';

let store: FolderStore;
let time: ManualTime;
beforeEach(async () => {
  store = await bucket();
  time = new ManualTime();
});

const submit = (name: string, body: unknown) => drop(store, `${name}.json`, body, time.clock.now() - 60_000);
async function run() {
  const { worker: tested, runner } = worker(store, time);
  await tested.drain(forever);
  return runner.jobs;
}

it('keeps prompt, drawn seed and sampler, and changes the finish', async () => {
  const sampler = { latent: { steps: 12 } };
  await submit('first', { input: { prompt: 'a chest', simplify: 0.5 }, sampler, tags: { a: 'b' } });
  await run();
  const { seed } = await statusOf(store, 'first');
  await submit('again', { from: 'first', input: { texture_size: 2048 }, tags: { c: 'd' } });
  await submit('bare', { from: 'first', simplify: 0.9 });
  const [again, bare] = (await run()).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  expect(again).toMatchObject({
    input: { prompt: 'a chest', seed, simplify: 0.5, texture_size: 2048 },
    sampler,
    tags: { c: 'd' },
  });
  expect(bare?.input).toEqual({ prompt: 'a chest', seed, simplify: 0.9, texture_size: 1024 });
});

it('goes on from a finish of a finish', async () => {
  await submit('first', { prompt: 'a chest', seed: 7 });
  await run();
  await submit('second', { from: 'first', simplify: 0.5 });
  await run();
  await submit('third', { from: 'second', texture_size: 512 });
  expect((await run())[0]?.input).toEqual({ prompt: 'a chest', seed: 7, simplify: 0.5, texture_size: 512 });
});

it.each([
  [{ from: 'nowhere' }, 'FROM_NOT_FOUND'],
  [{ from: 7 }, 'FROM_INVALID'],
  [{ from: '../first' }, 'FROM_INVALID'],
  [{ from: 'first', prompt: 'another' }, 'FROM_INVALID'],
  [{ from: 'first', input: { seed: 3 } }, 'FROM_INVALID'],
  [{ from: 'first', sampler: {} }, 'FROM_INVALID'],
  [{ from: 'first', input: { texture_size: 7 } }, 'TEXTURE_SIZE_OUT_OF_RANGE'],
  [{ from: 'first', colour: 'red' }, 'UNKNOWN_KEYS'],
  [{ from: 'again' }, 'FROM_NOT_READY'],
])('%j is rejected', async (body, code) => {
  await submit('first', { prompt: 'a chest' });
  await run();
  await submit('again', body);
  await run();
  expect((await statusOf(store, 'again')).error?.code).toBe(code);
});
