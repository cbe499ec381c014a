/** FlexiCubes cases of the reference data. */

import { readFileSync } from 'node:fs';
import { decodeSafetensors } from '@espalier/tensors';
import type { SparseVoxels } from '../src/index.ts';

export interface FlexicubesGolden {
  readonly voxels: SparseVoxels;
  readonly vertices: Float32Array;
  readonly attributes: Float32Array;
  readonly faces: Int32Array;
}

export function readGolden(name: string): FlexicubesGolden {
  const path = new URL(`../../trellis/test/goldens/cases/${name}.safetensors`, import.meta.url);
  const { tensors, metadata } = decodeSafetensors(readFileSync(path), name);
  const read = (key: string) => {
    const tensor = tensors.get(key);
    if (tensor === undefined) throw new Error(`${name} has no ${key}`);
    return tensor.data;
  };
  // The first of four coordinates is the batch.
  const coords = (read('coords') as Int32Array).filter((_, i) => i % 4 !== 0);
  return {
    voxels: { coords, features: read('feats') as Float32Array, resolution: Number(metadata.res) },
    vertices: read('vertices') as Float32Array,
    attributes: read('vertex_attrs') as Float32Array,
    faces: read('faces') as Int32Array,
  };
}
