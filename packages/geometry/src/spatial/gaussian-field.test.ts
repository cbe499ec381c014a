import { describe, expect, it } from 'vitest';
import type { Gaussians } from '../gaussians.ts';
import { GaussianField, type RayBundle } from './gaussian-field.ts';
import { gaussianParts } from './gaussian-parts.ts';

const SH_C0 = 0.28209479177387814;

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Of any shape and direction, near the origin. */
function cloud(count: number, next: () => number): Gaussians {
  const values = (length: number, value: () => number) => Float32Array.from({ length }, value);
  const rotations = values(count * 4, () => next() - 0.5);
  for (let g = 0; g < rotations.length; g += 4) {
    const length = Math.hypot(...rotations.subarray(g, g + 4));
    for (let k = 0; k < 4; k++) rotations[g + k] = (rotations[g + k] as number) / length;
  }
  return {
    count,
    positions: values(count * 3, () => (next() - 0.5) * 0.06),
    sh0: values(count * 3, () => (next() - 0.5) / SH_C0),
    scales: values(count * 3, () => 0.002 + 0.01 * next()),
    rotations,
    opacities: values(count, next),
  };
}

/** Density at each of many points along the ray; the greatest counts. No matrix is inverted, nothing is projected. */
function byMarching(g: Gaussians, at: readonly number[], forward: readonly number[], from: number, to: number) {
  const hits: { depth: number; alpha: number; color: number[] }[] = [];
  for (let i = 0; i < g.count; i++) {
    const [w, x, y, z] = g.rotations.subarray(i * 4, i * 4 + 4) as unknown as [number, number, number, number];
    const conjugate = [w, -x, -y, -z] as const;
    let best = { depth: 0, density: -1 };
    for (let step = 0; step <= 4000; step++) {
      const depth = -0.2 + (0.4 * step) / 4000;
      const p = [0, 1, 2].map(
        (k) => (at[k] as number) + depth * (forward[k] as number) - (g.positions[i * 3 + k] as number),
      );
      const local = turn(conjugate, p as [number, number, number]);
      const squared = local.reduce((sum, value, k) => sum + (value / (g.scales[i * 3 + k] as number)) ** 2, 0);
      const density = Math.exp(-squared / 2);
      if (density > best.density) best = { depth, density };
    }
    const alpha = Math.min(0.99, (g.opacities[i] as number) * best.density);
    if (alpha < 1 / 255 || best.depth <= from || best.depth >= to) continue;
    const color = [0, 1, 2].map((k) => Math.min(1, Math.max(0, 0.5 + SH_C0 * (g.sh0[i * 3 + k] as number))));
    hits.push({ depth: best.depth, alpha, color });
  }
  hits.sort((a, b) => a.depth - b.depth);
  const light = [0, 0, 0, 0];
  let left = 1;
  for (const { alpha, color } of hits) {
    for (let k = 0; k < 3; k++) light[k] = (light[k] as number) + left * alpha * (color[k] as number);
    left *= 1 - alpha;
  }
  light[3] = 1 - left;
  return light;
}

/** A vector turned by a unit quaternion. */
function turn([w, x, y, z]: readonly [number, number, number, number], [a, b, c]: [number, number, number]) {
  const [i, j, k] = [w * a + y * c - z * b, w * b + z * a - x * c, w * c + x * b - y * a];
  const r = -x * a - y * b - z * c;
  return [i * w - r * x - j * z + k * y, j * w - r * y - k * x + i * z, k * w - r * z - i * y + j * x];
}

describe('GaussianField', () => {
  it('gives the light that marching along each ray finds', () => {
    const next = random(7);
    const gaussians = cloud(60, next);
    const field = new GaussianField(gaussianParts(gaussians));
    // A frame that is none of the axes.
    const bundle: RayBundle = {
      origin: Float64Array.of(0.004, -0.003, 0.002),
      across: Float64Array.of(2 / 3, -2 / 3, 1 / 3),
      up: Float64Array.of(1 / 3, 2 / 3, 2 / 3),
      forward: Float64Array.of(-2 / 3, -1 / 3, 2 / 3),
      radius: 0.03,
      reach: 0.15,
    };
    field.gather(bundle);
    const light = new Float64Array(4);
    let seen = 0;
    for (let ray = 0; ray < 25; ray++) {
      const [u, v] = [(next() - 0.5) * 0.04, (next() - 0.5) * 0.04];
      const [from, to] = [-0.1 + 0.08 * next(), 0.02 + 0.08 * next()];
      field.composite(u, v, from, to, light);
      const at = [0, 1, 2].map(
        (k) => (bundle.origin[k] as number) + u * (bundle.across[k] as number) + v * (bundle.up[k] as number),
      );
      const expected = byMarching(gaussians, at, [...bundle.forward], from, to);
      seen += expected[3] as number;
      for (let c = 0; c < 4; c++) expect(light[c]).toBeCloseTo(expected[c] as number, 2.4);
    }
    expect(seen / 25).toBeGreaterThan(0.5);
  });

  it('sees nothing where there is nothing', () => {
    const none = cloud(0, random(1));
    const field = new GaussianField(gaussianParts(none));
    const axis = (k: number) => Float64Array.from({ length: 3 }, (_, i) => (i === k ? 1 : 0));
    field.gather({ origin: new Float64Array(3), across: axis(0), up: axis(1), forward: axis(2), radius: 1, reach: 1 });
    const light = new Float64Array(4).fill(1);
    field.composite(0, 0, -1, 1, light);
    expect([...light]).toEqual([0, 0, 0, 0]);
  });
});
