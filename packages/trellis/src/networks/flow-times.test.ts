import { fileURLToPath } from 'node:url';
import type { Session } from '@espalier/onnx';
import type { Tensor } from '@espalier/tensors';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readNetworkConfig } from '../repository/index.ts';
import { FlowTimes } from './flow-times.ts';
import { openGraphs } from './network.ts';
import { buildStructureFlow } from './structure-flow.ts';

const path = (name: string) => fileURLToPath(new URL(`../../test/dense/goldens/${name}`, import.meta.url));
let sessions: Record<'times' | 'network', Session>;

beforeAll(async () => {
  const config = await readNetworkConfig(path('flow_patches.json'), 'SparseStructureFlowModel');
  const build = async (checkpoint: Parameters<typeof buildStructureFlow>[1]) =>
    buildStructureFlow(config, checkpoint, { taps: ['t_emb'] });
  sessions = await openGraphs(path('flow_patches.safetensors'), build, { device: 'cpu', threads: 1 });
});
afterAll(async () => {
  for (const session of Object.values(sessions)) await session.release();
});

/** The graph on the CPU, taken for one of another device, and how many rows each run had. */
function counted(device: 'cpu' | 'cuda'): { times: FlowTimes; rows: number[] } {
  const rows: number[] = [];
  const run: Session['run'] = (feeds) => {
    rows.push(feeds.t_freq?.shape[0] as number);
    return sessions.times.run(feeds);
  };
  const { inputs } = sessions.times;
  return { times: new FlowTimes({ device, inputs, run, release: async () => undefined }), rows };
}

const values = (tensor: Tensor | undefined) => tensor?.data as Float32Array;

it('works out all times at once where that pays, and each is what it is by itself', async () => {
  const [single, batch] = [counted('cpu'), counted('cuda')];
  const schedule = [1000, 700.5, 12.25, 700.5];
  await single.times.prepare(schedule);
  await batch.times.prepare(schedule);
  await batch.times.prepare([12.25, 1000]);
  for (const t of schedule) {
    const [one, row] = [await single.times.at(t), await batch.times.at(t)];
    for (const name of ['modulation', 't_emb']) {
      expect(row[name]?.shape).toEqual(one[name]?.shape);
      const expected = values(one[name]);
      expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.05);
      for (const [i, value] of values(row[name]).entries()) expect(value).toBeCloseTo(expected[i] as number, 5);
    }
  }
  expect(batch.rows).toEqual([3]);
  expect(single.rows).toEqual([1, 1, 1, 1]);
  expect(values((await single.times.at(1000)).modulation)).not.toEqual(values((await single.times.at(1)).modulation));
});

it('asks once for both velocities of a guided step', async () => {
  const { times, rows } = counted('cpu');
  expect(await times.at(500)).toBe(await times.at(500));
  await times.at(499);
  expect(rows).toEqual([1, 1]);
});
