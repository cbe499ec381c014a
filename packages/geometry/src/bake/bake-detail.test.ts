import { describe, expect, it } from 'vitest';
import { gaussiansOn } from '../../test/gaussians.ts';
import { sphere, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import type { Gaussians } from '../gaussians.ts';
import { gaussianParts } from '../spatial/gaussian-parts.ts';
import { simplify } from '../surface/simplify.ts';
import { unwrap } from '../unwrap/unwrap.ts';
import { bake } from './bake.ts';
import { bakeDetail, bakeTarget } from './bake-plan.ts';
import { texelPoint } from './bake-surface-rows.ts';
import type { Image } from './image.ts';

const size = 192;
const color = (x: number, y: number, z: number) => [0.5 + x, 0.5 - y, 0.5 + 0.4 * Math.sin(9 * z)] as const;
const raw = extractSurface(voxelize(sphere(0.4), { resolution: 48, color }));
const { mesh } = await simplify(raw, { simplify: 0.9 });
const { mesh: unwrapped } = await unwrap(mesh, { textureSize: size, maxXatlasFaces: 0 });
const target = bakeTarget(mesh, unwrapped, size);
const detail = bakeDetail(raw);
const { texels } = target;
const fromGaussians = (gaussians: Gaussians, source = detail, onto = target) =>
  bake({ target: onto, detail: source, gaussians: gaussianParts(gaussians) }).baseColor;

function forEachTexel(visit: (texel: number, point: readonly [number, number, number]) => void): void {
  const point = new Float64Array(3);
  for (let texel = 0; texel < texels.face.length; texel++) {
    if ((texels.face[texel] as number) < 0) continue;
    texelPoint(target.mesh, texels, texel, point);
    visit(texel, [point[0] as number, point[1] as number, point[2] as number]);
  }
}

function psnr(image: Image): number {
  let [error, count] = [0, 0];
  forEachTexel((texel, point) => {
    color(...point).forEach((value, c) => {
      error += ((image.data[texel * 3 + c] as number) / 255 - value) ** 2;
      count++;
    });
  });
  return -10 * Math.log10(error / count);
}

describe('bake from Gaussians', () => {
  const gaussians = gaussiansOn(raw, 40_000, color, 0.006);

  it('sees the colours of the Gaussians on the surface', () => {
    expect(psnr(fromGaussians(gaussians))).toBeGreaterThan(32);
  });

  it('sees the nearer of two layers', () => {
    const inner = gaussiansOn(
      { ...raw, positions: raw.positions.map((v) => v * 0.975) },
      40_000,
      () => [1, 1, 1],
      0.006,
    );
    const both = {
      count: 80_000,
      positions: Float32Array.from([...inner.positions, ...gaussians.positions]),
      sh0: Float32Array.from([...inner.sh0, ...gaussians.sh0]),
      scales: Float32Array.from([...inner.scales, ...gaussians.scales]),
      rotations: Float32Array.from([...inner.rotations, ...gaussians.rotations]),
      opacities: Float32Array.from([...inner.opacities, ...gaussians.opacities]),
    };
    expect(psnr(fromGaussians(both))).toBeGreaterThan(28);
  });

  it('leaves the vertex colours where there are none', () => {
    const none = {
      ...gaussians,
      count: 0,
      positions: new Float32Array(0),
      sh0: new Float32Array(0),
      scales: new Float32Array(0),
      rotations: new Float32Array(0),
      opacities: new Float32Array(0),
    };
    const grey = { ...detail, mesh: { ...raw, attributes: raw.attributes.map(() => 77 / 255) } };
    const image = fromGaussians(none, grey);
    forEachTexel((texel) => expect(image.data[texel * 3]).toBe(77));
  });

  it('does not depend on the order of the Gaussians', () => {
    const flip = (values: Float32Array, stride: number) =>
      Float32Array.from(
        { length: values.length },
        (_, i) => values[values.length - stride - (i - (i % stride)) + (i % stride)] as number,
      );
    const reversed = {
      count: gaussians.count,
      positions: flip(gaussians.positions, 3),
      sh0: flip(gaussians.sh0, 3),
      scales: flip(gaussians.scales, 3),
      rotations: flip(gaussians.rotations, 4),
      opacities: gaussians.opacities,
    };
    const [one, two] = [fromGaussians(gaussians), fromGaussians(reversed)];
    const largest = one.data.reduce((max, value, i) => Math.max(max, Math.abs(value - (two.data[i] as number))), 0);
    expect(largest).toBeLessThanOrEqual(1);
  });
});

describe('the normal map', () => {
  const { normals, tangents } = target;

  it('restores the normals of the mesh before simplification', () => {
    const { normalMap: image } = bake({ target, detail });
    let [worst, sum, count] = [1, 0, 0];
    forEachTexel((texel, point) => {
      const face = (texels.face[texel] as number) * 3;
      const weights = [
        1 - (texels.v[texel] as number) - (texels.w[texel] as number),
        texels.v[texel] as number,
        texels.w[texel] as number,
      ];
      const mix = (values: Float32Array, stride: number) => {
        const out = [0, 1, 2].map((k) =>
          weights.reduce(
            (total, weight, c) =>
              total + weight * (values[(unwrapped.indices[face + c] as number) * stride + k] as number),
            0,
          ),
        );
        return out.map((value) => value / Math.hypot(...out)) as [number, number, number];
      };
      const [n, t] = [mix(normals, 3), mix(tangents, 4)];
      const sign = tangents[(unwrapped.indices[face] as number) * 4 + 3] as number;
      const b = [n[1] * t[2] - n[2] * t[1], n[2] * t[0] - n[0] * t[2], n[0] * t[1] - n[1] * t[0]];
      const local = [0, 1, 2].map((c) => (image.data[texel * 3 + c] as number) / 127.5 - 1) as [number, number, number];
      const world = [0, 1, 2].map(
        (k) => (t[k] as number) * local[0] + (b[k] as number) * sign * local[1] + (n[k] as number) * local[2],
      );
      const cosine =
        world.reduce((total, value, k) => total + value * (point[k] as number), 0) /
        Math.hypot(...world) /
        Math.hypot(...point);
      worst = Math.min(worst, cosine);
      sum += cosine;
      count++;
    });
    expect(sum / count).toBeGreaterThan(Math.cos((1.5 * Math.PI) / 180));
    expect(worst).toBeGreaterThan(Math.cos((12 * Math.PI) / 180));
  });

  it('is flat where the mesh is its own source', async () => {
    const { mesh: own } = await unwrap(raw, { textureSize: size, maxXatlasFaces: 0 });
    const { normalMap: image } = bake({ target: bakeTarget(raw, own, size), detail });
    for (let i = 0; i < image.data.length; i += 3) {
      expect(Math.abs((image.data[i] as number) - 128)).toBeLessThanOrEqual(3);
      expect(image.data[i + 2]).toBeGreaterThanOrEqual(254);
    }
  });
});

describe('vertexTangents', () => {
  it('are unit vectors at right angles to the normals, all of one hand', () => {
    const { normals, tangents } = target;
    for (let v = 0; v < normals.length / 3; v++) {
      const t = tangents.subarray(v * 4, v * 4 + 3);
      expect(Math.hypot(...t)).toBeCloseTo(1, 5);
      expect(t.reduce((sum, value, k) => sum + value * (normals[v * 3 + k] as number), 0)).toBeCloseTo(0, 5);
      expect(tangents[v * 4 + 3]).toBe(1);
    }
  });
});
