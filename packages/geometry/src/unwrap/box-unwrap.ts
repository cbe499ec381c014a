/** Unwraps any mesh in bounded time: charts by normal, flat projection, box packing. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { growCharts } from './charts.ts';
import { packBoxes } from './pack.ts';
import { flattenCharts } from './project.ts';
import type { UnwrappedMesh } from './unwrapped-mesh.ts';

export function boxUnwrap(mesh: TriangleMesh, size: number, padding: number): { mesh: UnwrappedMesh; charts: number } {
  const flat = flattenCharts(mesh, growCharts(mesh));
  // Each chart's own, and half a texel of the last mip level, whose samples reach that much further.
  const { scale, origins } = packBoxes(flat.sizes, size, padding * 2.5);
  const indices = new Uint32Array(mesh.indices.length);
  const uvs: number[] = [];
  const source: number[] = [];
  // A vertex is split once per chart it lies in; chains are short.
  const head = new Int32Array(mesh.positions.length / 3).fill(-1);
  const next: number[] = [];
  const chartOf: number[] = [];
  for (let i = 0; i < indices.length; i++) {
    const vertex = mesh.indices[i] as number;
    const chart = flat.ofFace[Math.floor(i / 3)] as number;
    let copy = head[vertex] as number;
    while (copy >= 0 && chartOf[copy] !== chart) copy = next[copy] as number;
    if (copy < 0) {
      copy = source.push(vertex) - 1;
      chartOf.push(chart);
      next.push(head[vertex] as number);
      head[vertex] = copy;
      const u = (origins[chart * 2] as number) + (flat.corners[i * 2] as number) * scale;
      const v = (origins[chart * 2 + 1] as number) + (flat.corners[i * 2 + 1] as number) * scale;
      uvs.push(clamp(u / size), clamp(1 - v / size));
    }
    indices[i] = copy;
  }
  const positions = new Float32Array(source.length * 3);
  source.forEach((vertex, copy) => {
    positions.set(mesh.positions.subarray(vertex * 3, vertex * 3 + 3), copy * 3);
  });
  return {
    mesh: { positions, indices, uvs: Float32Array.from(uvs), source: Uint32Array.from(source) },
    charts: flat.count,
  };
}

function clamp(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
