/** What an exported asset is: its surface, its texture's use, its bytes. */

import { TerminalError } from '@espalier/contracts';
import { mapTexels } from '../bake/texel-map.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { inspectTopology, surfaceArea, type Topology } from '../mesh/topology.ts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';

export interface AssetStats extends Topology {
  /** Of the file: split where charts meet. */
  readonly vertices: number;
  readonly faces: number;
  /** Share of the texture that charts cover. */
  readonly uvCoverage: number;
  /** Share of the charts' area that lies over other charts. */
  readonly uvOverlap: number;
  /** Texels along one world unit, on average over the surface. */
  readonly texelsPerUnit: number;
  readonly bytes: { readonly total: number; readonly json: number; readonly geometry: number; readonly images: number };
}

/**
 * @param surface the mesh before it was split for unwrapping: tells whether the surface is closed.
 * @throws TerminalError `NOT_A_GLB` when the bytes are no binary glTF 2.0.
 */
export function describeAsset(
  surface: TriangleMesh,
  unwrapped: UnwrappedMesh,
  textureSize: number,
  glb: Uint8Array,
): AssetStats {
  const texels = textureSize * textureSize;
  const area = uvArea(unwrapped);
  const world = surfaceArea(unwrapped);
  return {
    ...inspectTopology(surface),
    vertices: unwrapped.positions.length / 3,
    faces: unwrapped.indices.length / 3,
    uvCoverage: area,
    uvOverlap: uvOverlap(unwrapped),
    texelsPerUnit: world > 0 ? Math.sqrt((area * texels) / world) : 0,
    bytes: countBytes(glb),
  };
}

function uvArea({ indices, uvs }: UnwrappedMesh): number {
  let area = 0;
  for (let i = 0; i < indices.length; i += 3) {
    const [a, b, c] = [(indices[i] as number) * 2, (indices[i + 1] as number) * 2, (indices[i + 2] as number) * 2];
    const [ux, uy] = [(uvs[b] as number) - (uvs[a] as number), (uvs[b + 1] as number) - (uvs[a + 1] as number)];
    const [vx, vy] = [(uvs[c] as number) - (uvs[a] as number), (uvs[c + 1] as number) - (uvs[a + 1] as number)];
    area += Math.abs(ux * vy - uy * vx) / 2;
  }
  return area;
}

/** Side of the grid on which overlaps are counted. */
const OVERLAP_SIZE = 1024;

/** Cell centres that a face covers, less the distinct ones, as a share of them all. */
function uvOverlap(mesh: UnwrappedMesh): number {
  const { face, v, w } = mapTexels(mesh, OVERLAP_SIZE);
  let distinct = 0;
  for (let i = 0; i < face.length; i++) {
    // Weights on the rim belong to cells outside the face.
    const isInside =
      (face[i] as number) >= 0 &&
      (v[i] as number) > 0 &&
      (w[i] as number) > 0 &&
      (v[i] as number) + (w[i] as number) < 1;
    if (isInside) distinct++;
  }
  const covered = uvArea(mesh) * OVERLAP_SIZE * OVERLAP_SIZE;
  return covered > 0 ? Math.max(0, (covered - distinct) / covered) : 0;
}

interface GltfLayout {
  readonly bufferViews?: readonly { readonly byteLength: number }[];
  readonly images?: readonly { readonly bufferView?: number }[];
}

function countBytes(glb: Uint8Array): AssetStats['bytes'] {
  const view = new DataView(glb.buffer, glb.byteOffset, glb.byteLength);
  const isGlb = glb.length >= 20 && view.getUint32(0, true) === 0x46546c67 && view.getUint32(16, true) === 0x4e4f534a;
  if (!isGlb) throw new TerminalError('the bytes are no binary glTF', { code: 'NOT_A_GLB', field: 'glb' });
  const json = view.getUint32(12, true);
  const layout = JSON.parse(new TextDecoder().decode(glb.subarray(20, 20 + json))) as GltfLayout;
  const views = layout.bufferViews ?? [];
  const images = (layout.images ?? []).reduce((sum, { bufferView }) => {
    return sum + (bufferView === undefined ? 0 : (views[bufferView]?.byteLength ?? 0));
  }, 0);
  return { total: glb.length, json, geometry: glb.length - json - images - 28, images };
}
