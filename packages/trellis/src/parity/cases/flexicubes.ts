import { extractSurface, type RawMesh } from '@espalier/geometry';
import { voxelsFromCoords } from '../../sparse/voxels.ts';
import type { CaseKind, Computed } from '../parity-case.ts';

/** Extraction of a mesh from given cell features, as TRELLIS does it: without filling enclosed regions. */
export const flexicubes: CaseKind = {
  prefix: 'flexicubes',
  inputs: ['coords', 'feats'],
  async *compute({ file }) {
    const resolution = Number(file.parameter('res'));
    const coords = voxelsFromCoords(await file.integers('coords'), resolution);
    const features = (await file.floats('feats')).data;
    yield* meshOf(extractSurface({ coords, features, resolution, fillEnclosed: false }), 'module');
  },
};

/** @param prefix In front of the keys. */
export function* meshOf(mesh: RawMesh, where: 'module' | 'behindDecoder', prefix = ''): Generator<Computed> {
  const behind = where === 'behindDecoder';
  const faces = Int32Array.from(mesh.indices);
  yield { key: `${prefix}vertices`, kind: behind ? 'vertices' : 'module', data: mesh.positions };
  yield { key: `${prefix}faces`, kind: 'exact', data: faces };
  yield { key: `${prefix}vertex_attrs`, kind: behind ? 'colours' : 'module', data: mesh.attributes };
}
