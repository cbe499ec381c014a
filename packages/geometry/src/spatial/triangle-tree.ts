/** The arrays of a search tree over triangles: plain, so that threads can share them. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { Bvh } from './bvh.ts';

export interface TriangleTree {
  readonly nodes: Bvh;
  /** [F, 9] corners in leaf order, so that a leaf is one stretch of memory. */
  readonly corners: Float32Array;
  /** [F] place of each face in that order. */
  readonly leafOf: Int32Array;
}

export function triangleTree({ positions, indices }: TriangleMesh): TriangleTree {
  const faces = indices.length / 3;
  const bounds = new Float32Array(faces * 6);
  for (let face = 0; face < faces; face++) {
    const a = (indices[face * 3] as number) * 3;
    const b = (indices[face * 3 + 1] as number) * 3;
    const c = (indices[face * 3 + 2] as number) * 3;
    for (let k = 0; k < 3; k++) {
      const [pa, pb, pc] = [positions[a + k] as number, positions[b + k] as number, positions[c + k] as number];
      bounds[face * 6 + k] = Math.min(pa, pb, pc);
      bounds[face * 6 + k + 3] = Math.max(pa, pb, pc);
    }
  }
  const nodes = new Bvh(bounds);
  const leafOf = new Int32Array(faces);
  for (let slot = 0; slot < faces; slot++) leafOf[nodes.items[slot] as number] = slot;
  return { nodes, corners: cornersInOrder({ positions, indices }, nodes.items), leafOf };
}

/** The tree of a mesh with the same faces whose vertices have moved a little: the same nodes with other boxes. */
export function refitTree({ nodes, leafOf }: TriangleTree, mesh: TriangleMesh): TriangleTree {
  const corners = cornersInOrder(mesh, nodes.items);
  const boxes = new Float32Array(nodes.boxes.length);
  // Children come after their parents.
  for (let node = nodes.counts.length - 1; node >= 0; node--) {
    const [offset, count] = [nodes.offsets[node] as number, nodes.counts[node] as number];
    if (count > 0) fitCorners(corners, offset * 9, (offset + count) * 9, boxes, node * 6);
    else if (leafOf.length > 0) fitBoxes(boxes, (node + 1) * 6, offset * 6, node * 6);
  }
  return { nodes: { ...nodes, boxes }, corners, leafOf };
}

function cornersInOrder({ positions, indices }: TriangleMesh, items: Int32Array): Float32Array {
  const corners = new Float32Array(items.length * 9);
  for (let slot = 0; slot < items.length; slot++) {
    const face = items[slot] as number;
    for (let k = 0; k < 3; k++) {
      const vertex = (indices[face * 3 + k] as number) * 3;
      for (let c = 0; c < 3; c++) corners[slot * 9 + k * 3 + c] = positions[vertex + c] as number;
    }
  }
  return corners;
}

/** The box of points from entry `from` to before `end`, at entry `at`. */
function fitCorners(corners: Float32Array, from: number, end: number, boxes: Float32Array, at: number): void {
  for (let axis = 0; axis < 3; axis++) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = from + axis; i < end; i += 3) {
      low = Math.min(low, corners[i] as number);
      high = Math.max(high, corners[i] as number);
    }
    boxes[at + axis] = low;
    boxes[at + axis + 3] = high;
  }
}

function fitBoxes(boxes: Float32Array, left: number, right: number, at: number): void {
  for (let k = 0; k < 3; k++) {
    boxes[at + k] = Math.min(boxes[left + k] as number, boxes[right + k] as number);
    boxes[at + k + 3] = Math.max(boxes[left + k + 3] as number, boxes[right + k + 3] as number);
  }
}
