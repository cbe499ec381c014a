import type { TriangleMesh } from '../mesh/mesh.ts';

/**
 * Rims of the holes in a mesh, each a ring of vertices in the direction of the faces along it. A rim that touches
 * itself is cut into simple rings. Expects a mesh without edges of more than two faces.
 */
export function boundaryLoops({ positions, indices }: TriangleMesh): number[][] {
  const vertices = positions.length / 3;
  const keys = new Float64Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    keys[i] = (indices[i] as number) * vertices + (indices[i % 3 === 2 ? i - 2 : i + 1] as number);
  }
  const sorted = keys.slice().sort();
  const outgoing = new Map<number, number[]>();
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    const [from, to] = [Math.floor(key / vertices), key % vertices];
    if (includes(sorted, to * vertices + from)) continue;
    const list = outgoing.get(from);
    if (list === undefined) outgoing.set(from, [to]);
    else list.push(to);
  }
  const loops: number[][] = [];
  for (const start of [...outgoing.keys()].sort((a, b) => a - b)) {
    for (let to = outgoing.get(start)?.pop(); to !== undefined; to = outgoing.get(start)?.pop()) {
      const path = [start];
      while (to !== undefined) {
        const at = path.indexOf(to);
        if (at >= 0) {
          const ring = path.splice(at);
          if (ring.length >= 3) loops.push(ring);
          if (path.length === 0) break;
        }
        path.push(to);
        to = outgoing.get(to)?.pop();
      }
    }
  }
  return loops;
}

function includes(sorted: Float64Array, key: number): boolean {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const value = sorted[middle] as number;
    if (value === key) return true;
    if (value < key) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}
