import { silentLogger } from '@espalier/contracts';
import { checkpointKey, type ObjectStore } from '@espalier/storage';
import { float32 } from '@espalier/tensors';
import { describe, expect, it } from 'vitest';
import { temporaryStore } from '../../test/temporary.ts';
import type { CheckpointContent } from './body.ts';
import { CheckpointStore } from './checkpoint-store.ts';
import { PartialSaves } from './partial-saves.ts';
import { type Recipe, recipeDigest } from './recipe.ts';

const recipe: Recipe = { stage: 'latent', version: 1, modelRevision: 'r', parameters: {}, inputs: {} };
const key = checkpointKey('latent', recipeDigest(recipe));
const partialKey = checkpointKey('latent', `${recipeDigest(recipe)}.partial`);
const content = (value: number): CheckpointContent => ({
  tensors: { latent: float32([1], Float32Array.of(value)) },
  state: { value },
});
const any = (found: CheckpointContent): CheckpointContent => found;

async function open(store?: ObjectStore) {
  const saved: object[] = [];
  const unusable: string[] = [];
  const options = {
    store: store ?? (await temporaryStore()),
    logger: silentLogger,
    onSaved: (save: object) => saved.push(save),
    onUnusable: (_key: string, reason: string) => unusable.push(reason),
  };
  return { ...options, options, checkpoints: new CheckpointStore(options), saved, unusable };
}

describe('CheckpointStore', () => {
  it('finds what it saved', async () => {
    const { checkpoints, saved } = await open();
    expect(await checkpoints.find(recipe, any)).toEqual({});
    await checkpoints.save(recipe, content(1), any);
    expect(await checkpoints.find(recipe, any)).toEqual({ content: content(1) });
    expect(saved).toEqual([{ stage: 'latent', key, bytes: expect.any(Number) }]);
  });

  it('keeps the first of many writers and gives its content to all', async () => {
    const { checkpoints, saved } = await open();
    const kept = await Promise.all([1, 2, 3, 4, 5].map((value) => checkpoints.save(recipe, content(value), any)));
    expect(new Set(kept.map(({ state }) => JSON.stringify(state))).size).toBe(1);
    expect(saved).toHaveLength(1);
    expect((await checkpoints.find(recipe, any)).content).toEqual(kept[0]);
  });

  it('reports an unusable one and lets it be replaced', async () => {
    const { store, checkpoints, unusable } = await open();
    await checkpoints.save(recipe, content(1), any);
    const whole = await store.get(key);
    await store.put(key, whole?.body.subarray(0, 100) as Uint8Array);
    const finding = await checkpoints.find(recipe, any);
    expect(finding).toEqual({ replaces: expect.any(String) });
    expect(unusable).toHaveLength(1);
    await checkpoints.save(recipe, content(2), any, finding.replaces);
    expect((await checkpoints.find(recipe, any)).content).toEqual(content(2));
  });

  it('takes a whole one that came in place of the unusable one meanwhile', async () => {
    const { store, checkpoints } = await open();
    await store.put(key, Uint8Array.of(1));
    const { replaces } = await checkpoints.find(recipe, any);
    await checkpoints.save(recipe, content(1), any, replaces);
    expect(await checkpoints.save(recipe, content(2), any, replaces)).toEqual(content(1));
  });

  it('does not trust a content that the stage would not write', async () => {
    const { checkpoints, unusable } = await open();
    await checkpoints.save(recipe, content(1), any);
    const refuse = (): CheckpointContent => {
      throw new Error("tensor 'coords' is missing");
    };
    expect(await checkpoints.find(recipe, refuse)).toEqual({ replaces: expect.any(String) });
    expect(unusable).toEqual(["tensor 'coords' is missing"]);
  });

  it('does not take a save for a finished checkpoint', async () => {
    const { store, checkpoints, options } = await open();
    const saves = new PartialSaves(options, recipe);
    saves.offer({ ...content(1), step: 3 });
    await saves.settled();
    await store.put(key, (await store.get(partialKey))?.body as Uint8Array);
    expect((await checkpoints.find(recipe, any)).content).toBeUndefined();
  });
});

describe('PartialSaves', () => {
  it('gives back the last one offered, and nothing once removed', async () => {
    const { options, saved } = await open();
    const saves = new PartialSaves(options, recipe);
    expect(await saves.load((save) => save)).toBeUndefined();
    for (let step = 1; step <= 20; step++) saves.offer({ ...content(step), step });
    await saves.settled();
    expect(await new PartialSaves(options, recipe).load((save) => save)).toEqual({ ...content(20), step: 20 });
    // Writing is slower than offering: those in between were passed over.
    expect(saved.length).toBeLessThan(20);
    await saves.remove();
    expect(await saves.load((save) => save)).toBeUndefined();
  });

  it('removes a save that an earlier process left', async () => {
    const { options } = await open();
    const earlier = new PartialSaves(options, recipe);
    earlier.offer({ ...content(1), step: 1 });
    await earlier.settled();
    const later = new PartialSaves(options, recipe);
    await later.load((save) => save);
    await later.remove();
    expect(await options.store.get(partialKey)).toBeUndefined();
  });

  it('starts anew from a broken save', async () => {
    const { options, unusable } = await open();
    await options.store.put(partialKey, Uint8Array.of(1, 2, 3));
    expect(await new PartialSaves(options, recipe).load((save) => save)).toBeUndefined();
    expect(unusable).toHaveLength(1);
  });

  it('survives a store that refuses a write', async () => {
    const whole = await temporaryStore();
    let refusals = 0;
    const store: ObjectStore = {
      location: whole.location,
      get: (...args) => whole.get(...args),
      head: (...args) => whole.head(...args),
      delete: (...args) => whole.delete(...args),
      list: (...args) => whole.list(...args),
      put: (...args) => {
        if (refusals++ === 0) return Promise.reject(new Error('disk full'));
        return whole.put(...args);
      },
    };
    const { options } = await open(store);
    const saves = new PartialSaves(options, recipe);
    saves.offer({ ...content(1), step: 1 });
    await saves.settled();
    saves.offer({ ...content(2), step: 2 });
    await saves.settled();
    expect((await saves.load((save) => save))?.step).toBe(2);
  });
});
