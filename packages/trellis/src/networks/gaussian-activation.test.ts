import { describe, expect, it } from 'vitest';
import { goldenCase, maxAbsDifference } from '../../test/support/golden-case.ts';
import { randomValues, randomVoxels } from '../../test/support/random-voxels.ts';
import type { GaussianRepresentation } from '../repository/index.ts';
import { activateGaussians, GAUSSIAN_CHANNELS, offsetPerturbation, rawGaussians } from './gaussian-activation.ts';

const representation: GaussianRepresentation = {
  lr: { _xyz: 0.5, _features_dc: 2, _opacity: 3, _scaling: 0.25, _rotation: 0.1 },
  perturb_offset: true,
  voxel_size: 1.5,
  num_gaussians: 8,
  '3d_filter_kernel_size': 0.0009,
  scaling_bias: 0.004,
  opacity_bias: 0.1,
  scaling_activation: 'softplus',
};

const channel = (h: Float32Array, i: number, from: number, width: number, component: number, rate: number) =>
  Math.fround(
    (h[Math.floor(i / 8) * 8 * GAUSSIAN_CHANNELS + from * 8 + (i % 8) * width + component] as number) *
      Math.fround(rate),
  );

/** All but rotations, value by value and without a thought of speed. */
function byDefinition(h: Float32Array, voxels: Int32Array, rep: GaussianRepresentation, perturbation: Float32Array) {
  const count = (voxels.length / 3) * 8;
  const each = (width: number, value: (i: number, component: number) => number) =>
    Float32Array.from({ length: count * width }, (_, at) => value(Math.floor(at / width), at % width));
  const { lr } = rep;
  const soft = rep.scaling_activation === 'softplus';
  const bias = soft ? rep.scaling_bias + Math.log(-Math.expm1(-rep.scaling_bias)) : Math.log(rep.scaling_bias);
  const scaled = (x: number) => (soft && x <= 20 ? Math.log1p(Math.exp(x)) : soft ? x : Math.exp(x));
  return {
    positions: each(3, (i, c) => {
      const tanh = Math.tanh(channel(h, i, 0, 3, c, lr._xyz) + (perturbation[(i % 8) * 3 + c] as number));
      const centre = ((voxels[Math.floor(i / 8) * 3 + c] as number) + 0.5) / 32;
      return Math.fround(centre + (tanh * (rep.voxel_size * 0.5)) / 32) - 0.5;
    }),
    sh0: each(3, (i, c) => channel(h, i, 3, 3, c, lr._features_dc)),
    scales: each(3, (i, c) =>
      Math.hypot(scaled(channel(h, i, 6, 3, c, lr._scaling) + bias), rep['3d_filter_kernel_size']),
    ),
    opacities: each(1, (i) => {
      const logit = channel(h, i, 13, 1, 0, lr._opacity) + Math.log(rep.opacity_bias / (1 - rep.opacity_bias));
      return 1 / (1 + Math.exp(-logit));
    }),
  };
}

function rotationsByDefinition(h: Float32Array, { lr }: GaussianRepresentation): Float32Array {
  const count = h.length / GAUSSIAN_CHANNELS;
  const all = Array.from({ length: count }, (_, i) => {
    const [w = 0, ...xyz] = [0, 1, 2, 3].map((c) => channel(h, i, 9, 4, c, lr._rotation));
    const quaternion = [Math.fround(w + 1), ...xyz];
    const length = Math.max(1e-12, Math.hypot(...quaternion));
    return quaternion.map((value) => value / length);
  });
  return Float32Array.from(all.flat());
}

describe('offsetPerturbation', () => {
  it('is the buffer of the reference checkpoint', async () => {
    const golden = await goldenCase('gs_decoder');
    expect(
      maxAbsDifference(offsetPerturbation(representation), golden.float32('offset_perturbation').data),
    ).toBeLessThan(1e-7);
  });
});

describe('activateGaussians', () => {
  const voxels = Int32Array.of(3, 4, 5, 0, 31, 7);
  const h = randomValues(2 * 8 * GAUSSIAN_CHANNELS, 3);
  const activate = (change: Partial<GaussianRepresentation>) => {
    const representation_config = { ...representation, ...change };
    const config = { resolution: 32, representation_config };
    const raw = rawGaussians(h, voxels, config, offsetPerturbation(representation_config));
    return activateGaussians(raw, representation_config);
  };

  it('sorts channels by kind, then Gaussian, then component', () => {
    const gaussians = activate({ perturb_offset: false });
    for (const [v, g] of [
      [0, 0],
      [1, 5],
      [1, 7],
    ] as const) {
      const at = (offset: number, width: number, c: number) =>
        h[v * 8 * GAUSSIAN_CHANNELS + offset * 8 + g * width + c] as number;
      const i = v * 8 + g;
      for (let c = 0; c < 3; c++) {
        const centre = ((voxels[v * 3 + c] as number) + 0.5) / 32;
        const position = centre + (Math.tanh(at(0, 3, c) * 0.5) * 0.5 * 1.5) / 32 - 0.5;
        expect(gaussians.positions[i * 3 + c]).toBeCloseTo(position, 6);
        expect(gaussians.sh0[i * 3 + c]).toBeCloseTo(at(3, 3, c) * 2, 5);
      }
      const quaternion = [0, 1, 2, 3].map((c) => at(9, 4, c) * 0.1 + (c === 0 ? 1 : 0));
      const length = Math.hypot(...quaternion);
      for (const [c, value] of quaternion.entries()) {
        expect(gaussians.rotations[i * 4 + c]).toBeCloseTo(value / length, 5);
      }
      const logit = at(13, 1, 0) * 3 + Math.log(0.1 / 0.9);
      expect(gaussians.opacities[i]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 5);
    }
  });

  it('scales by softplus or exp, both through the bias at a raw value of 0, never below the filter', () => {
    h.fill(0, 6 * 8, 9 * 8);
    for (const scaling_activation of ['softplus', 'exp'] as const) {
      const { scales } = activate({ scaling_activation });
      expect(scales[0]).toBeCloseTo(Math.hypot(0.004, 0.0009), 7);
      expect(Math.min(...scales)).toBeGreaterThanOrEqual(Math.fround(0.0009));
    }
    const [soft, exponential] = (['softplus', 'exp'] as const).map((scaling_activation) =>
      activate({ scaling_activation }),
    );
    const raw = (h[8 * GAUSSIAN_CHANNELS + 6 * 8] as number) * 0.25;
    const inverse = Math.log(Math.expm1(0.004));
    expect(soft?.scales[24]).toBeCloseTo(Math.hypot(Math.log1p(Math.exp(raw + inverse)), 0.0009), 6);
    expect(exponential?.scales[24]).toBeCloseTo(Math.hypot(0.004 * Math.exp(raw), 0.0009), 6);
  });

  it('gives the bits of the formulas written out, for values of every size', () => {
    const voxels = randomVoxels(60, 32, 2);
    const h = randomValues(60 * 8 * GAUSSIAN_CHANNELS, 5);
    // Beside usual values: none, huge and tiny ones, and a real part that takes the quaternion's 1 away.
    for (const [i, value] of [0, 1e30, -1e30, 80, -300, 1e-30, -10].entries()) {
      for (let at = 17 * i; at < h.length; at += 331) h[at] = value;
    }
    for (const scaling_activation of ['softplus', 'exp'] as const) {
      const rep = { ...representation, scaling_activation };
      const perturbation = offsetPerturbation(rep);
      const raw = rawGaussians(h, voxels, { resolution: 32, representation_config: rep }, perturbation);
      const expected = byDefinition(h, voxels, rep, perturbation);
      const { rotations, ...rest } = activateGaussians(raw, rep);
      expect(rest).toEqual({ count: 480, ...expected });
      expect(rotations).toEqual(rotationsByDefinition(h, rep));
    }
  });

  it('keeps every Gaussian within reach of its voxel', () => {
    const { positions } = activate({});
    for (let i = 0; i < 16; i++) {
      for (let c = 0; c < 3; c++) {
        const centre = ((voxels[Math.floor(i / 8) * 3 + c] as number) + 0.5) / 32 - 0.5;
        expect(Math.abs((positions[i * 3 + c] as number) - centre)).toBeLessThan((0.5 * 1.5) / 32);
      }
    }
  });
});
