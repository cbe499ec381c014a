/** Two-sided distance between a simplified mesh and the surface it stands for. */

import { TriangleBvh, type TriangleMesh } from '@espalier/geometry';

export interface SurfaceDistance {
  /** Largest distance found, either way, world units. */
  readonly hausdorff: number;
  /** Mean over both ways, world units. */
  readonly mean: number;
}

/** Points spread over the faces of each mesh (a fixed number, area-weighted) against the other mesh. */
export function surfaceDistance(a: TriangleMesh, b: TriangleMesh, points = 60_000): SurfaceDistance {
  const [ab, ba] = [oneWay(a, b, points), oneWay(b, a, points)];
  return { hausdorff: Math.max(ab.hausdorff, ba.hausdorff), mean: (ab.mean + ba.mean) / 2 };
}

function oneWay(from: TriangleMesh, to: TriangleMesh, count: number): SurfaceDistance {
  const tree = TriangleBvh.of(to);
  const { positions: p, indices } = from;
  const faces = indices.length / 3;
  const sums = new Float64Array(faces);
  let total = 0;
  for (let face = 0; face < faces; face++) {
    const [a, b, c] = [0, 1, 2].map((k) => (indices[face * 3 + k] as number) * 3) as [number, number, number];
    const u = [0, 1, 2].map((k) => (p[b + k] as number) - (p[a + k] as number)) as [number, number, number];
    const v = [0, 1, 2].map((k) => (p[c + k] as number) - (p[a + k] as number)) as [number, number, number];
    total += Math.hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]);
    sums[face] = total;
  }
  let [face, largest, sum] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    while ((sums[face] as number) < ((i + 0.5) / count) * total && face < faces - 1) face++;
    let [v, w] = [(i * 0.7548776662466927) % 1, (i * 0.5698402909980532) % 1];
    if (v + w > 1) [v, w] = [1 - v, 1 - w];
    const [x, y, z] = [0, 1, 2].map((k) => {
      const corner = (c: number) => p[(indices[face * 3 + c] as number) * 3 + k] as number;
      return corner(0) * (1 - v - w) + corner(1) * v + corner(2) * w;
    }) as [number, number, number];
    const { distance } = tree.closestPoint(x, y, z);
    largest = Math.max(largest, distance);
    sum += distance;
  }
  return { hausdorff: largest, mean: sum / count };
}
