import { extractSurface } from '@espalier/geometry';
import { MeshDecoder } from '../../networks/slat-mesh-decoder.ts';
import { coordsFromVoxels, subdivide, voxelsFromCoords } from '../../sparse/index.ts';
import { type CaseKind, fromOutputs } from '../parity-case.ts';
import { meshOf } from './flexicubes.ts';

/** `SLatMeshDecoder` with its intermediate values, and the mesh that FlexiCubes makes of its cells. */
export const meshDecoder: CaseKind = {
  prefix: 'mesh_decoder',
  inputs: ['coords', 'slat'],
  async *compute({ file, model, settings }) {
    const { config, weightsPath } = (await model()).networks.meshDecoder;
    const voxels = voxelsFromCoords(await file.integers('coords'), config.resolution);
    const taps = file.keys.filter((key) => /^(blocks|upsample)\.\d+$/.test(key));
    const decoder = await MeshDecoder.open(config, weightsPath, { ...settings, taps });
    try {
      const decoded = await decoder.decode(voxels, (await file.floats('slat')).data);
      yield* fromOutputs(decoded.taps);
      const { data, shape } = coordsFromVoxels(subdivide(voxels));
      yield { key: 'up_coords', kind: 'exact', data, shape };
      const out = coordsFromVoxels(decoded.voxels);
      yield { key: 'out_coords', kind: 'exact', data: out.data, shape: out.shape };
      const { features, resolution } = decoded;
      yield { key: 'feats', kind: 'module', data: features };
      const mesh = extractSurface({ coords: decoded.voxels, features, resolution, fillEnclosed: false });
      yield* meshOf(mesh, 'behindDecoder');
    } finally {
      await decoder.release();
    }
  },
};
