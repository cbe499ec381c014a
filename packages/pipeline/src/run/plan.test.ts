import { STAGES, type StageName, silentLogger } from '@espalier/contracts';
import { checkpointKey, type ObjectStore } from '@espalier/storage';
import { expect, it } from 'vitest';
import { temporaryStore } from '../../test/temporary.ts';
import { encodeCheckpoint } from '../checkpoints/body.ts';
import { CheckpointStore } from '../checkpoints/checkpoint-store.ts';
import { type Recipe, recipeDigest } from '../checkpoints/recipe.ts';
import type { StageGraph } from '../stages/graph.ts';
import type { Stage } from '../stages/stage.ts';
import { type PlanOptions, planFor } from './plan.ts';

const INPUTS: Readonly<Record<StageName, readonly StageName[]>> = {
  condition: [],
  structure: ['condition'],
  latent: ['condition', 'structure'],
  decode: ['condition', 'structure', 'latent'],
  surface: ['decode'],
  texture: ['decode', 'surface'],
  export: ['decode', 'surface', 'texture'],
};
const graph = Object.fromEntries(
  STAGES.map((name) => [
    name,
    { name, inputs: INPUTS[name], tensors: {}, state: { parse: (state: unknown) => state } } as unknown as Stage,
  ]),
) as StageGraph;
const recipes = Object.fromEntries(
  STAGES.map((stage) => [stage, { stage, version: 1, modelRevision: 'r', parameters: {}, inputs: {} }]),
) as unknown as Record<StageName, Recipe>;
const keyOf = (name: StageName) => checkpointKey(name, recipeDigest(recipes[name]));

async function plan(there: readonly StageName[], options: PlanOptions & { broken?: readonly StageName[] } = {}) {
  const files = await temporaryStore();
  for (const name of there) {
    const whole = await encodeCheckpoint(recipes[name], { tensors: {}, state: {} });
    await files.put(keyOf(name), options.broken?.includes(name) ? whole.subarray(0, 8) : whole);
  }
  const looked: StageName[] = [];
  const store = {
    get: (key: string) => {
      looked.push(STAGES.find((name) => keyOf(name) === key) as StageName);
      return files.get(key);
    },
  } as unknown as ObjectStore;
  const checkpoints = new CheckpointStore({ store, logger: silentLogger });
  const { found, missing } = await planFor('export', graph, recipes, checkpoints, options);
  return { looked, found: [...found.keys()], missing: [...missing.keys()] };
}
const upTo = (last: StageName) => STAGES.slice(0, STAGES.indexOf(last) + 1);
const after = (last: StageName) => STAGES.slice(STAGES.indexOf(last) + 1);

it('looks three times for a new job', async () => {
  expect(await plan([])).toEqual({ looked: ['export', 'decode', 'condition'], found: [], missing: [...STAGES] });
});

it('looks once for a finished one', async () => {
  expect(await plan(STAGES)).toEqual({ looked: ['export'], found: ['export'], missing: [] });
});

it.each(STAGES.slice(0, -1))('goes on after %s, wherever a job was interrupted', async (last) => {
  const { missing, found } = await plan(upTo(last));
  expect(missing).toEqual(after(last));
  for (const name of missing) {
    for (const input of INPUTS[name]) expect([...missing, ...found]).toContain(input);
  }
});

it('takes the word that nothing of the finish is there, and still reads what it goes on from', async () => {
  const finish = ['surface', 'texture', 'export'] as const;
  const { looked, missing } = await plan(upTo('decode'), { absent: new Set(finish) });
  expect(looked).toEqual(['decode']);
  expect(missing).toEqual(finish);
});

it('computes again what was removed before and is needed, and nothing else', async () => {
  const without = (gone: StageName) => STAGES.filter((name) => name !== gone && name !== 'export');
  expect((await plan(without('condition'))).missing).toEqual(['export']);
  expect((await plan(without('surface'))).missing).toEqual(['surface', 'texture', 'export']);
  expect((await plan(without('latent'))).missing).toEqual(['export']);
  expect((await plan(without('texture'))).missing).toEqual(['texture', 'export']);
});

it('takes a file that cannot be used for a sign that those before it are there', async () => {
  const { missing } = await plan(upTo('decode'), { broken: ['decode'] });
  expect(missing).toEqual(['decode', 'surface', 'texture', 'export']);
});
