import { describe, expect, it } from 'vitest';
import { box, sphere, union, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { simplify } from '../surface/simplify.ts';
import { unwrap } from '../unwrap/unwrap.ts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';
import { bake } from './bake.ts';
import { type BakeTarget, bakeDetail, bakeTarget } from './bake-plan.ts';

const size = 1024;
/** Smooth, so that what a mip level loses by itself is little. */
const SLOPE = 0.8;
const color = (x: number, y: number, z: number) => [0.5 + SLOPE * x, 0.5 - SLOPE * y, 0.5 + SLOPE * z] as const;
const raw = extractSurface(voxelize(union(sphere(0.3), box([0.35, 0.12, 0.12])), { resolution: 64, color }));
const { mesh } = await simplify(raw, { targetFaces: 2000 });

/** The image at half the size, each texel the mean of four, as GPUs make mip levels. */
function halve(data: Float64Array, width: number): Float64Array {
  const half = width / 2;
  return Float64Array.from({ length: half * half * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % half, Math.floor(i / 3 / half)];
    const at = (dx: number, dy: number) => data[((y * 2 + dy) * width + x * 2 + dx) * 3 + c] as number;
    return (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) / 4;
  });
}

/** Bilinear, clamped, as the sampler of the exported material says. */
function sample(data: Float64Array, width: number, u: number, v: number, c: number): number {
  const [x, y] = [u * width - 0.5, v * width - 0.5];
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const at = (i: number, k: number) =>
    data[(Math.min(width - 1, Math.max(0, k)) * width + Math.min(width - 1, Math.max(0, i))) * 3 + c] as number;
  const [fx, fy] = [x - x0, y - y0];
  return (
    (at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx) * (1 - fy) +
    (at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx) * fy
  );
}

/** World units that a step of one in texture coordinates covers at most on a face: the Frobenius norm of dP/d(u, v). */
function stretch({ positions, indices, uvs }: UnwrappedMesh, face: number): number {
  const [a, b, c] = [0, 1, 2].map((k) => indices[face * 3 + k] as number) as [number, number, number];
  const delta = (k: 0 | 1, to: number) => (uvs[to * 2 + k] as number) - (uvs[a * 2 + k] as number);
  const [du1, du2, dv1, dv2] = [delta(0, b), delta(0, c), delta(1, b), delta(1, c)];
  const area = du1 * dv2 - du2 * dv1;
  let squares = 0;
  for (let k = 0; k < 3; k++) {
    const [e1, e2] = [b, c].map((to) => (positions[to * 3 + k] as number) - (positions[a * 3 + k] as number)) as [
      number,
      number,
    ];
    squares += ((e1 * dv2 - e2 * dv1) / area) ** 2 + ((e2 * du1 - e1 * du2) / area) ** 2;
  }
  return Math.sqrt(squares);
}

/**
 * Over both sides of every seam, at the middles of its edges: how far the sampled colour is from the true one, as a
 * multiple of what rounding, and sampling a texel and a half to the side, account for.
 */
function worstSeam({ mesh: unwrapped }: BakeTarget, data: Float64Array, width: number) {
  const { indices, source, uvs, positions } = unwrapped;
  const edges = new Map<string, { a: number; b: number; face: number }[]>();
  for (let i = 0; i < indices.length; i++) {
    const [a, b] = [indices[i] as number, indices[i % 3 === 2 ? i - 2 : i + 1] as number];
    const [sa, sb] = [source[a] as number, source[b] as number];
    const key = sa < sb ? `${sa} ${sb}` : `${sb} ${sa}`;
    const side = { a: sa < sb ? a : b, b: sa < sb ? b : a, face: Math.floor(i / 3) };
    edges.set(key, [...(edges.get(key) ?? []), side]);
  }
  let [worst, seams] = [0, 0];
  for (const sides of edges.values()) {
    const [one, two] = sides;
    if (one === undefined || two === undefined || (one.a === two.a && one.b === two.b)) continue;
    seams++;
    const middle = (values: Float32Array, stride: number, { a, b }: { a: number; b: number }, k: number) =>
      ((values[a * stride + k] as number) + (values[b * stride + k] as number)) / 2;
    const point = [0, 1, 2].map((k) => middle(positions, 3, one, k)) as [number, number, number];
    for (const side of sides) {
      const allowed = 3 / 255 + (SLOPE * 1.5 * stretch(unwrapped, side.face)) / width;
      for (let c = 0; c < 3; c++) {
        const seen = sample(data, width, middle(uvs, 2, side, 0), middle(uvs, 2, side, 1), c) / 255;
        worst = Math.max(worst, Math.abs(seen - (color(...point)[c] as number)) / allowed);
      }
    }
  }
  return { worst, seams };
}

describe.each(['xatlas', 'box'] as const)('seams of charts by %s', (method) => {
  it('are not seen at mip levels 0 to 3', async () => {
    const budget = { maxXatlasFaces: method === 'box' ? 0 : 100_000, timeBudgetSeconds: 300 };
    const unwrapped = await unwrap(mesh, { textureSize: size, ...budget });
    expect(unwrapped.report.method).toBe(method);
    const target = bakeTarget(mesh, unwrapped.mesh, size);
    const { baseColor } = bake({ target, detail: bakeDetail(raw) });
    const bare = Float64Array.from(baseColor.data, (value, i) =>
      (target.texels.face[Math.floor(i / 3)] as number) < 0 ? 0 : value,
    );
    let level: Float64Array = Float64Array.from(baseColor.data);
    let undilated: Float64Array = bare;
    for (let mip = 0; mip <= 3; mip++) {
      const width = size >> mip;
      const { worst, seams } = worstSeam(target, level, width);
      expect(seams).toBeGreaterThan(100);
      expect(worst, `mip ${mip}`).toBeLessThan(1);
      // Without dilation the same measure sees the seams.
      expect(worstSeam(target, undilated, width).worst, `bare mip ${mip}`).toBeGreaterThan(2);
      if (mip < 3) [level, undilated] = [halve(level, width), halve(undilated, width)];
    }
  });
});
