import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { float32 } from '@espalier/tensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gaussianChannels, meshCells } from '../../test/reference/latent-decoders.ts';
import { latentFlow } from '../../test/reference/latent-flow.ts';
import { flat, rowsFrom } from '../../test/reference/layers.ts';
import { Weights } from '../../test/reference/weights.ts';
import { GOLDEN_MODEL, goldenCase, maxAbsDifference } from '../../test/support/golden-case.ts';
import { randomValues, randomVoxels, rowsOf } from '../../test/support/random-voxels.ts';
import { ModelRepository, parseNetworkArgs } from '../repository/index.ts';
import { voxelsFromCoords } from '../sparse/index.ts';
import { SLatFlow } from './slat-flow.ts';
import { GaussianDecoder } from './slat-gaussian-decoder.ts';
import { MeshDecoder } from './slat-mesh-decoder.ts';

/**
 * Options that the recorded cases do not exercise, against networks written down plainly in float64; those in turn are
 * held against the recorded cases. What float32 may cost is what parity allows: 3e-5 of the size of the values.
 */
const RELATIVE = 3e-5;
const settings = { device: 'cpu', threads: 1 } as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'networks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function expectClose(actual: ArrayLike<number> | undefined, expected: Float64Array): void {
  const size = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
  expect(size).toBeGreaterThan(0.1);
  expect(maxAbsDifference(actual ?? [], expected)).toBeLessThan(RELATIVE * size);
}

describe('the plain networks agree with the reference data', () => {
  it('latent flow', async () => {
    const golden = await goldenCase('slat_flow');
    const { config, weightsPath } = (await ModelRepository.open(GOLDEN_MODEL)).networks.latentFlow;
    const w = Weights.from(new Uint8Array(await readFile(weightsPath)), weightsPath);
    const input = {
      voxels: rowsOf(voxelsFromCoords(golden.int32('coords'))),
      features: rowsFrom(golden.float32('x').data, 8),
    };
    const out = latentFlow(
      w,
      config,
      input,
      golden.float32('t').data[0] as number,
      rowsFrom(golden.float32('cond').data, 64),
    );
    expect(maxAbsDifference(flat(out), golden.float32('out').data)).toBeLessThan(1e-5);
  });

  it('Gaussian decoder', async () => {
    const golden = await goldenCase('gs_decoder');
    const files = (await ModelRepository.open(GOLDEN_MODEL)).networks.gaussianDecoder;
    if (files === undefined) throw new Error('the reference model has a Gaussian decoder');
    const w = Weights.from(new Uint8Array(await readFile(files.weightsPath)), files.weightsPath);
    const voxels = rowsOf(voxelsFromCoords(golden.int32('coords')));
    const h = gaussianChannels(w, files.config, voxels, rowsFrom(golden.float32('slat').data, 8));
    expect(maxAbsDifference(flat(h), golden.float32('h').data)).toBeLessThan(1e-5);
  });
});

describe('SLatFlow with options beyond the reference data', () => {
  const base = {
    resolution: 16,
    in_channels: 6,
    out_channels: 6,
    model_channels: 64,
    cond_channels: 24,
    num_blocks: 2,
    num_head_channels: 16,
  };
  const cases: [string, object, number][] = [
    ['no residual blocks, shared modulation', { share_mod: true, mlp_ratio: 2.5 }, 70],
    ['residual blocks without skips', { io_block_channels: [20], use_skip_connection: false }, 60],
    ['two levels of one block each', { io_block_channels: [16, 32], patch_size: 4, num_io_res_blocks: 1 }, 90],
    [
      'two levels of two blocks, normed',
      { io_block_channels: [12, 20], patch_size: 4, qk_rms_norm: true, num_heads: 2 },
      60,
    ],
    [
      'three blocks a level, as the published model',
      { io_block_channels: [16], num_io_res_blocks: 3, qk_rms_norm: true },
      50,
    ],
    [
      'input as wide as the torso: no layer on the skip path',
      { io_block_channels: [64], use_skip_connection: false },
      30,
    ],
    ['a single voxel', { io_block_channels: [16] }, 1],
  ];
  for (const [what, options, count] of cases) {
    it(what, async () => {
      const config = parseNetworkArgs('SLatFlowModel', { ...base, ...options }, what);
      const voxels = randomVoxels(count, base.resolution, count);
      const [x, cond, other] = [randomValues(count * 6, 1), randomValues(11 * 24, 2), randomValues(11 * 24, 7)];
      const weights = Weights.random(count);
      const input = { voxels: rowsOf(voxels), features: rowsFrom(x, 6) };
      const expected = [cond, other].map((each) => flat(latentFlow(weights, config, input, 421.5, rowsFrom(each, 24))));
      const path = join(folder, 'flow.safetensors');
      await weights.save(path);
      const flow = await SLatFlow.open(config, path, settings);
      const tables = flow.tables(voxels);
      const conditions = [cond, other].map((each) => float32([1, 11, 24], each));
      const apart = await flow.velocities(x, 421.5, conditions, tables);
      const { out } = await flow.run(x, 421.5, float32([2, 11, 24], Float32Array.of(...cond, ...other)), tables);
      const together = out?.data as Float32Array;
      for (const [i, each] of expected.entries()) {
        expectClose(apart[i], each);
        expectClose(together.subarray(i * x.length, (i + 1) * x.length), each);
      }
      await flow.release();
    });
  }

  it('cuts large tables into chunks without changing anything', async () => {
    const config = parseNetworkArgs(
      'SLatFlowModel',
      { ...base, num_blocks: 1, io_block_channels: [8], num_io_res_blocks: 1 },
      '',
    );
    const voxels = randomVoxels(2500, base.resolution, 9);
    const x = randomValues(2500 * 6, 3);
    const weights = Weights.random(5);
    const input = { voxels: rowsOf(voxels), features: rowsFrom(x, 6) };
    const expected = latentFlow(weights, config, input, 10, rowsFrom(randomValues(24, 4), 24));
    const path = join(folder, 'large.safetensors');
    await weights.save(path);
    const flow = await SLatFlow.open(config, path, settings);
    const cond = float32([1, 1, 24], randomValues(24, 4));
    const [velocity] = await flow.velocities(x, 10, [cond], flow.tables(voxels));
    expectClose(velocity, flat(expected));
    await flow.release();
  });
});

describe('attention modes of the decoders', () => {
  const representation_config = {
    lr: { _xyz: 1, _features_dc: 1, _opacity: 1, _scaling: 1, _rotation: 0.1 },
    perturb_offset: true,
    voxel_size: 1.5,
    num_gaussians: 4,
    '3d_filter_kernel_size': 0.0009,
    scaling_bias: 0.004,
    opacity_bias: 0.1,
    scaling_activation: 'softplus',
  };
  const base = {
    resolution: 16,
    model_channels: 48,
    latent_channels: 5,
    num_blocks: 5,
    num_heads: 3,
    mlp_ratio: 2,
    representation_config,
  };
  const cases: [string, object, number][] = [
    ['full', { attn_mode: 'full' }, 60],
    ['full, normed', { attn_mode: 'full', qk_rms_norm: true }, 40],
    ['swin, odd window', { attn_mode: 'swin', window_size: 5 }, 90],
    ['swin, normed', { attn_mode: 'swin', window_size: 4, qk_rms_norm: true }, 70],
    ['swin, one window holds all', { attn_mode: 'swin', window_size: 64 }, 40],
    ['swin, every voxel by itself', { attn_mode: 'swin', window_size: 1 }, 30],
    ['shift_window', { attn_mode: 'shift_window', window_size: 7 }, 60],
    ['shift_sequence', { attn_mode: 'shift_sequence', window_size: 6 }, 61],
    ['shift_sequence, odd window', { attn_mode: 'shift_sequence', window_size: 9, qk_rms_norm: true }, 50],
    ['shift_order', { attn_mode: 'shift_order', window_size: 8 }, 75],
    ['shift_order, one window holds all', { attn_mode: 'shift_order', window_size: 100 }, 30],
  ];
  for (const [what, options, count] of cases) {
    it(what, async () => {
      const config = parseNetworkArgs('SLatGaussianDecoder', { ...base, ...options }, what);
      const voxels = randomVoxels(count, base.resolution, count);
      const slat = randomValues(count * 5, 6);
      const weights = Weights.random(count);
      const expected = gaussianChannels(weights, config, rowsOf(voxels), rowsFrom(slat, 5));
      const path = join(folder, 'gaussians.safetensors');
      await weights.save(path);
      const decoder = await GaussianDecoder.open(config, path, settings);
      expectClose((await decoder.run(voxels, slat)).h?.data as Float32Array, flat(expected));
      await decoder.release();
    });
  }
});

describe('MeshDecoder with options beyond the reference data', () => {
  const base = { resolution: 8, model_channels: 256, latent_channels: 5, num_blocks: 2, num_heads: 4, mlp_ratio: 1 };
  for (const [what, options] of [
    ['full attention, without colour', { attn_mode: 'full', representation_config: {} }],
    [
      'serialised attention, normed',
      { attn_mode: 'shift_order', qk_rms_norm: true, representation_config: { use_color: true } },
    ],
  ] as const) {
    it(what, async () => {
      const config = parseNetworkArgs('SLatMeshDecoder', { ...base, ...options }, what);
      const voxels = randomVoxels(11, 3, 4);
      const slat = randomValues(11 * 5, 7);
      const weights = Weights.random(3);
      const expected = meshCells(weights, config, rowsOf(voxels), rowsFrom(slat, 5));
      const path = join(folder, 'mesh.safetensors');
      await weights.save(path);
      const decoder = await MeshDecoder.open(config, path, settings);
      expectClose((await decoder.decode(voxels, slat)).features, flat(expected));
      await decoder.release();
    });
  }

  it('gives the same cells in small portions as in large ones, and as one graph', async () => {
    const config = parseNetworkArgs('SLatMeshDecoder', { ...base, representation_config: { use_color: true } }, '');
    const voxels = randomVoxels(23, 4, 8);
    const slat = randomValues(23 * 5, 9);
    const weights = Weights.random(6);
    meshCells(weights, config, rowsOf(voxels.subarray(0, 3)), rowsFrom(slat.subarray(0, 5), 5));
    const path = join(folder, 'portions.safetensors');
    await weights.save(path);
    const results: Float32Array[] = [];
    for (const choices of [{}, { parentsPerCall: 5 }, { parentsPerCall: 1 }, { whole: true }]) {
      const decoder = await MeshDecoder.open(config, path, { ...settings, ...choices });
      results.push((await decoder.decode(voxels, slat)).features);
      await decoder.release();
    }
    const [whole = [], ...portions] = results;
    for (const portion of portions) expectClose(portion, Float64Array.from(whole));
  });
});
