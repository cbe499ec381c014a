import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Checkpoint } from '@espalier/onnx';
import { decodeSafetensors, float32, type Tensor } from '@espalier/tensors';
import { describe, expect, it } from 'vitest';
import { parseNetworkArgs, readNetworkConfig } from '../repository/index.ts';
import { buildStructureDecoder, occupiedVoxels, StructureDecoder } from './structure-decoder.ts';
import { buildStructureFlow, StructureFlow } from './structure-flow.ts';

const path = (name: string) => fileURLToPath(new URL(`../../test/dense/goldens/${name}`, import.meta.url));
/** Of the largest value: single rounding errors of a few layers. */
const RELATIVE = 3e-6;

async function readCase(name: string): Promise<Record<string, Tensor<Float32Array>>> {
  const { tensors } = decodeSafetensors(await readFile(path(`${name}.case.safetensors`)), name);
  return Object.fromEntries(tensors) as Record<string, Tensor<Float32Array>>;
}

function expectClose(actual: Tensor | undefined, expected: Tensor<Float32Array> | undefined): void {
  expect(actual?.shape).toEqual(expected?.shape);
  const [a, b] = [actual?.data as Float32Array, expected?.data as Float32Array];
  const size = b.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const error = b.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (a[i] as number))), 0);
  expect(size).toBeGreaterThan(0.1);
  expect(error / size).toBeLessThan(RELATIVE);
}

describe('SparseStructureFlowModel, options beyond the reference data', () => {
  it.each(['flow_patches', 'flow_positions', 'flow_cross'])('%s', async (name) => {
    const config = await readNetworkConfig(path(`${name}.json`), 'SparseStructureFlowModel');
    const network = await StructureFlow.open(config, path(`${name}.safetensors`), { device: 'cpu', threads: 1 });
    const { x, t, cond, out } = await readCase(name);
    const result = await network.run(x?.data as Float32Array, t?.data[0] as number, cond as Tensor<Float32Array>);
    expectClose(result.out, out);
    // Two conditions at once, the known one behind another.
    const { data, shape } = cond as Tensor<Float32Array>;
    const both = float32([2, ...shape.slice(1)], Float32Array.of(...data.map((value) => 1 - value), ...data));
    const batch = await network.run(x?.data as Float32Array, t?.data[0] as number, both);
    const half = (batch.out?.data.length ?? 0) / 2;
    const second = batch.out?.data.subarray(half) as Float32Array;
    expectClose(float32(out?.shape ?? [], second), out);
    expect(second).not.toEqual(batch.out?.data.subarray(0, half));
    await network.release();
  });

  it('computes its torso in float16 where asked, near enough', async () => {
    const config = await readNetworkConfig(path('flow_patches.json'), 'SparseStructureFlowModel');
    const options = { device: 'cpu', threads: 1, computeType: 'float16' } as const;
    const network = await StructureFlow.open(config, path('flow_patches.safetensors'), options);
    const { x, t, cond, out } = await readCase('flow_patches');
    const conditions = [cond as Tensor<Float32Array>];
    const [result] = await network.velocities(x?.data as Float32Array, t?.data[0] as number, conditions);
    const errors = (result as Float32Array).map((value, i) => Math.abs(value - (out?.data[i] as number)));
    expect(Math.max(...errors)).toBeLessThan(0.02);
    // Not the float32 graph in disguise.
    expect(Math.max(...errors)).toBeGreaterThan(1e-5);
    await network.release();
  });
});

describe('SparseStructureDecoder, options beyond the reference data', () => {
  it.each(['decoder_group', 'decoder_flat'])('%s', async (name) => {
    const config = await readNetworkConfig(path(`${name}.json`), 'SparseStructureDecoder');
    const network = await StructureDecoder.open(config, 3, path(`${name}.safetensors`), { device: 'cpu', threads: 1 });
    const { z, logits } = await readCase(name);
    expectClose((await network.run(z?.data as Float32Array)).logits, logits);
    await network.release();
  });

  it('lists occupied voxels in row-major order, 0 being empty', () => {
    const logits = new Float32Array(27).fill(-1);
    logits[0] = 0;
    for (const i of [26, 5, 10]) logits[i] = 0.1;
    const coords = occupiedVoxels(logits);
    expect(coords.shape).toEqual([3, 4]);
    expect([...coords.data]).toEqual([0, 0, 1, 2, 0, 1, 0, 1, 0, 2, 2, 2]);
    expect(occupiedVoxels(new Float32Array(8)).shape).toEqual([0, 4]);
  });
});

describe('configs and weights that do not belong together', () => {
  const flow = { resolution: 4, in_channels: 4, out_channels: 4, model_channels: 40, cond_channels: 12, num_blocks: 1 };
  const args = { ...flow, num_heads: 5, patch_size: 1, qk_rms_norm: true };
  it.each([
    ['another width', { ...args, model_channels: 80 }, 't_embedder.mlp.0.weight', /\[40,256\].*\[80,256\]/],
    ['more blocks', { ...args, num_blocks: 2 }, 'blocks.1.adaLN_modulation.1.weight', /is missing/],
    [
      'a norm that is not there',
      { ...args, qk_rms_norm_cross: true },
      'blocks.0.cross_attn.q_rms_norm.gamma',
      /missing/,
    ],
    ['a norm that is there', { ...args, qk_rms_norm: false }, 'blocks.0.self_attn.k_rms_norm.gamma', /not used/],
    ['a shared modulation', { ...args, share_mod: true }, 'adaLN_modulation.1.weight', /missing/],
  ])('%s: the weight is named', async (_, changed, field, message) => {
    const config = parseNetworkArgs('SparseStructureFlowModel', changed, 'config.json');
    const checkpoint = await Checkpoint.open(path('flow_positions.safetensors'));
    const build = () => {
      buildStructureFlow(config, checkpoint);
      checkpoint.assertAllTaken();
    };
    const expected = { code: 'CHECKPOINT_MISMATCH', field, message: expect.stringMatching(message) };
    expect(build).toThrow(expect.objectContaining(expected));
    await checkpoint.close();
  });

  it('a decoder of other channels', async () => {
    const config = await readNetworkConfig(path('decoder_flat.json'), 'SparseStructureDecoder');
    const checkpoint = await Checkpoint.open(path('decoder_flat.safetensors'));
    expect(() => buildStructureDecoder({ ...config, channels: [6, 6] }, 3, checkpoint)).toThrow(
      /blocks\.1\.conv\.bias.*missing/,
    );
    await checkpoint.close();
  });

  it('rotary positions are refused: they fail in TRELLIS itself', () => {
    const make = () => parseNetworkArgs('SparseStructureFlowModel', { ...args, pe_mode: 'rope' }, 'config.json');
    expect(make).toThrow(expect.objectContaining({ code: 'MODEL_UNSUPPORTED', field: 'args.pe_mode' }));
  });
});
