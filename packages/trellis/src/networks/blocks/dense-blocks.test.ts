import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Checkpoint, GraphBuilder, openSession, type Value } from '@espalier/onnx';
import { float32, int32, SafetensorsFile, type Tensor, TorchGenerator, writeSafetensors } from '@espalier/tensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPositions, denseConv, gridPositions, groupNorm, qkRmsNorm, timestepFeatures } from './index.ts';

const golden = (path: string) => fileURLToPath(new URL(`../../../test/goldens/${path}`, import.meta.url));
const random = new TorchGenerator(9);
const randn = (...shape: number[]) => float32(shape, random.randn(shape.reduce((a, b) => a * b, 1)));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blocks-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs one block on inputs of the given tensors, over a checkpoint of the given weights. */
async function run(
  weights: Record<string, Tensor>,
  inputs: readonly Tensor[],
  build: (g: GraphBuilder, ...inputs: Value[]) => Value,
): Promise<Float32Array> {
  const path = join(folder, 'weights.safetensors');
  await writeSafetensors(path, weights);
  const checkpoint = await Checkpoint.open(path);
  const g = new GraphBuilder({ name: 'block', checkpoint });
  const types = { F32: 'float32', I32: 'int32' } as const;
  const values = inputs.map(({ dtype, shape }, i) => g.input(`x${i}`, types[dtype as 'F32'], shape));
  g.output('y', build(g, ...values));
  const session = await openSession(g.build(), { device: 'cpu', threads: 1 });
  const { y } = await session.run(Object.fromEntries(inputs.map((tensor, i) => [`x${i}`, tensor])));
  await session.release();
  checkpoint.assertAllTaken();
  await checkpoint.close();
  return y?.data as Float32Array;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] as number))), 0);
}

describe('features of time and place', () => {
  it('time features are those of the reference to the last bits', async () => {
    const file = await SafetensorsFile.open(golden('cases/ss_flow.safetensors'));
    const t = (await file.readFloat32('t')).data[0] as number;
    const expected = (await file.readFloat32('t_freq')).data;
    expect(largestDifference(timestepFeatures(t).data, expected)).toBeLessThan(1.2e-7);
    await file.close();
  });

  it('grid positions are the buffer of the checkpoint', async () => {
    const file = await SafetensorsFile.open(golden('trellis-tiny/ckpts/ss_flow_txt_dit_tiny_8l8_fp16.safetensors'));
    expect(largestDifference(gridPositions(8, 96), (await file.readFloat32('pos_emb')).data)).toBeLessThan(1.2e-7);
    await file.close();
  });

  it('adds to each token the features of its voxel, and nothing to the channels left over', async () => {
    const [resolution, channels] = [5, 16];
    const coords = int32([3, 3], Int32Array.of(0, 0, 0, 4, 1, 3, 2, 2, 2));
    const h = randn(3, channels);
    const y = await run({}, [h, coords], (g, x, c) => addPositions(g, x, c, resolution));
    const grid = gridPositions(resolution, channels);
    for (const [row, [x, y0, z]] of [
      [0, 0, 0],
      [4, 1, 3],
      [2, 2, 2],
    ].entries()) {
      const at = (((x as number) * resolution + (y0 as number)) * resolution + (z as number)) * channels;
      for (let c = 0; c < channels; c++) {
        const i = row * channels + c;
        expect(y[i]).toBe(Math.fround((h.data[i] as number) + (grid[at + c] as number)));
        if (c >= 12) expect(grid[at + c]).toBe(0);
      }
    }
  });
});

describe('qkRmsNorm', () => {
  it('gives every head length sqrt(D) times gamma, as products of queries and keys tell, and zero for zero', async () => {
    const [x, other] = [randn(4, 6), randn(4, 6)];
    x.data.fill(0, 0, 3);
    const [gammaQ, gammaK] = [randn(2, 3), randn(2, 3)];
    const identity = float32(
      [6, 6],
      Float32Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? 1 : 0)),
    );
    const weights = {
      'n.q_rms_norm.gamma': gammaQ,
      'n.k_rms_norm.gamma': gammaK,
      'l.weight': identity,
      'l.bias': float32([6], new Float32Array(6)),
    };
    const layer = (v: Value) => ({ x: v, key: 'l', outputs: 6 });
    const y = await run(weights, [x, other], (g, v, w) => {
      const [query, key] = qkRmsNorm(g, { query: layer(v), key: layer(w) }, 'n', 2);
      return g.mul(query, key);
    });
    const normed = (from: Tensor<Float32Array>, gamma: Tensor<Float32Array>, i: number) => {
      const head = i - (i % 3);
      const norm = Math.max(Math.hypot(...from.data.subarray(head, head + 3)), 1e-12);
      return ((from.data[i] as number) / norm) * (gamma.data[i % 6] as number) * Math.sqrt(3);
    };
    for (const [i, value] of y.entries()) {
      expect(value).toBeCloseTo(normed(x, gammaQ, i) * normed(other, gammaK, i), 5);
    }
    expect([...y.subarray(0, 3)].map(Math.abs)).toEqual([0, 0, 0]);
  });
});

describe('denseConv', () => {
  /** Sums in float64, straight from the definition. */
  function correlate(x: Tensor, w: Tensor, b: Tensor, outputs: number): Float32Array {
    const [, channels = 0, r = 0] = x.shape;
    const out = new Float32Array(outputs * r ** 3);
    for (let i = 0; i < out.length; i++) {
      const [o, px, py, pz] = [Math.floor(i / r ** 3), Math.floor(i / r ** 2) % r, Math.floor(i / r) % r, i % r];
      let sum = Number(b.data[o]);
      for (let c = 0; c < channels; c++) {
        for (let k = 0; k < 27; k++) {
          const [qx, qy, qz] = [px + Math.floor(k / 9) - 1, py + (Math.floor(k / 3) % 3) - 1, pz + (k % 3) - 1];
          if ([qx, qy, qz].some((q) => q < 0 || q >= r)) continue;
          sum += Number(w.data[(o * channels + c) * 27 + k]) * Number(x.data[((c * r + qx) * r + qy) * r + qz]);
        }
      }
      out[i] = sum;
    }
    return out;
  }

  it.each([
    ['wide, even: minimal filtering', 32, 6],
    ['wide, odd: the plain operator', 32, 5],
    ['narrow', 3, 4],
  ])('%s', async (_, channels, extent) => {
    const outputs = 5;
    const [x, w, b] = [randn(1, channels, extent, extent, extent), randn(outputs, channels, 3, 3, 3), randn(outputs)];
    const y = await run({ 'c.weight': w, 'c.bias': b }, [x], (g, v) => denseConv(g, v, 'c', outputs));
    const expected = correlate(x, w, b, outputs);
    const size = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    expect(largestDifference(y, expected) / size).toBeLessThan(1e-6);
  });
});

describe('groupNorm', () => {
  it('keeps its statistics exact over a large grid far from zero', async () => {
    const [channels, r] = [32, 24];
    const x = randn(1, channels, r, r, r);
    for (let i = 0; i < x.data.length; i++) x.data[i] = (x.data[i] as number) + 10;
    const ones = float32([channels], new Float32Array(channels).fill(1));
    const zeros = float32([channels], new Float32Array(channels));
    const y = await run({ 'n.weight': ones, 'n.bias': zeros }, [x], (g, v) => groupNorm(g, v, 'n'));
    const count = r ** 3;
    for (const c of [0, 17, 31]) {
      const part = x.data.subarray(c * count, (c + 1) * count);
      const mean = part.reduce((sum, value) => sum + value, 0) / count;
      const variance = part.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
      const expected = part.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
      expect(largestDifference(y.subarray(c * count, (c + 1) * count), expected)).toBeLessThan(2e-5);
    }
  });
});
