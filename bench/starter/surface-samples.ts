/** Points on the surface of a GLB with the colour that its texture has there. */
import { readTexturedGlb } from './textured-glb.ts';

export interface SurfaceSample {
  /** World units, z up. */
  readonly point: readonly [number, number, number];
  /** sRGB bytes. */
  readonly rgb: readonly [number, number, number];
}

/** `count` points spread evenly over the area: a low-discrepancy walk, so that two runs agree. */
export async function sampleSurface(glb: Uint8Array, count: number): Promise<SurfaceSample[]> {
  const { positions, uvs, indices, baseColor } = await readTexturedGlb(glb);
  const corner = (face: number, k: number): number => indices[3 * face + k] as number; // k < 3, face < faces
  const at = (vertex: number): [number, number, number] =>
    [0, 1, 2].map((axis) => positions[3 * vertex + axis] as number) as [number, number, number];
  const faces = indices.length / 3;
  const cumulative = new Float64Array(faces);
  let area = 0;
  for (let face = 0; face < faces; face++) {
    const [a, b, c] = [at(corner(face, 0)), at(corner(face, 1)), at(corner(face, 2))];
    const u = [b[0] - a[0], b[1] - a[1], b[2] - a[2]] as const;
    const v = [c[0] - a[0], c[1] - a[1], c[2] - a[2]] as const;
    area += Math.hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]) / 2;
    cumulative[face] = area;
  }

  const pixel = (value: number, extent: number) => Math.min(extent - 1, Math.max(0, Math.floor(value * extent)));
  const samples: SurfaceSample[] = [];
  let face = 0;
  for (let i = 0; i < count; i++) {
    const target = ((i + 0.5) / count) * area;
    while (face < faces - 1 && (cumulative[face] as number) < target) face += 1;
    // R2 sequence (M. Roberts, 2018), folded into the triangle.
    let s = (0.5 + i * 0.7548776662466927) % 1;
    let t = (0.5 + i * 0.5698402909980532) % 1;
    if (s + t > 1) [s, t] = [1 - s, 1 - t];
    const point: [number, number, number] = [0, 0, 0];
    const uv: [number, number] = [0, 0];
    for (const [k, weight] of [1 - s - t, s, t].entries()) {
      const vertex = corner(face, k);
      const [x, y, z] = at(vertex);
      point[0] += weight * x;
      point[1] += weight * y;
      point[2] += weight * z;
      uv[0] += weight * (uvs[2 * vertex] as number);
      uv[1] += weight * (uvs[2 * vertex + 1] as number);
    }
    const texel = pixel(uv[1], baseColor.height) * baseColor.width + pixel(uv[0], baseColor.width);
    const [r, g, b] = baseColor.data.subarray(3 * texel, 3 * texel + 3);
    samples.push({ point, rgb: [r as number, g as number, b as number] });
  }
  return samples;
}
