import { boundaryHalfEdges, nextCorner } from '../mesh/half-edges.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';

/**
 * Rims of the holes in a mesh, each a ring of vertices in the direction of the faces along it. A rim that touches
 * itself is cut into simple rings. Expects a mesh without edges of more than two faces.
 */
export function boundaryLoops(mesh: TriangleMesh): number[][] {
  const { indices } = mesh;
  const outgoing = new Map<number, number[]>();
  for (const i of boundaryHalfEdges(mesh)) {
    const [from, to] = [indices[i] as number, indices[nextCorner(i)] as number];
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
