/** A GLB of this project, read back into arrays. */

import type { Image, RenderableMesh } from '@espalier/geometry';
import { NodeIO } from '@gltf-transform/core';
import sharp from 'sharp';

export interface TexturedGlb extends RenderableMesh {
  readonly uvs: Float32Array;
  readonly baseColor: Image;
}

/** Axes turned back: (x, y, z) of the file is (x, -z, y) of the model, z up. */
export async function readTexturedGlb(glb: Uint8Array): Promise<TexturedGlb> {
  const document = await new NodeIO().readBinary(glb);
  const primitive = document.getRoot().listMeshes()[0]?.listPrimitives()[0];
  const picture = primitive?.getMaterial()?.getBaseColorTexture()?.getImage();
  const file = primitive?.getAttribute('POSITION')?.getArray();
  const uvs = primitive?.getAttribute('TEXCOORD_0')?.getArray();
  const indices = primitive?.getIndices()?.getArray();
  if (!picture || !file || !uvs || !indices) throw new Error('the GLB has no textured, indexed primitive');
  const positions = new Float32Array(file.length);
  for (let i = 0; i < file.length; i += 3) {
    const [x, y, z] = file.subarray(i, i + 3) as Float32Array;
    positions.set([x as number, -(z as number), y as number], i); // i + 2 < length
  }
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return {
    positions,
    uvs: new Float32Array(uvs),
    indices: new Uint32Array(indices),
    baseColor: { width: info.width, height: info.height, channels: 3, data },
  };
}
