/** One textured mesh as a binary glTF 2.0 file. */

import { type GlbGeometry, type GlbTexture, TerminalError } from '@espalier/contracts';
import { type Accessor, Document, Logger, Verbosity, WebIO } from '@gltf-transform/core';
import { EXTTextureWebP, KHRTextureBasisu } from '@gltf-transform/extensions';
import type { Image } from '../bake/image.ts';
import { compressGlb } from './compress-glb.ts';
import { encodeImage } from './encode-image.ts';
import { encodeKtx2 } from './encode-ktx2.ts';
import type { TexturedMesh } from './textured-mesh.ts';

export interface ExportGlbOptions {
  readonly mesh: TexturedMesh;
  /** Name of the node, mesh and material. Default `asset`. */
  readonly name?: string;
  /** Provenance, written to `asset.extras`. Must be JSON. */
  readonly extras?: Readonly<Record<string, unknown>>;
  /** Default `png`. `webp` and `ktx2` need viewers that know EXT_texture_webp or KHR_texture_basisu. */
  readonly texture?: GlbTexture;
  /**
   * `plain` (default) float32; `quantized` 14-bit positions and texture coordinates (KHR_mesh_quantization); `meshopt`
   * quantised and compressed (EXT_meshopt_compression), which viewers need a decoder for.
   */
  readonly geometry?: GlbGeometry;
}

/**
 * World space turns from z up to glTF's y up: (x, y, z) becomes (x, z, -y). The same input gives the same bytes.
 *
 * @throws TerminalError `MESH_EMPTY` for a mesh without faces.
 */
export async function exportGlb(options: ExportGlbOptions): Promise<Uint8Array> {
  const { mesh, name = 'asset', extras = {}, texture = 'png', geometry = 'plain' } = options;
  if (mesh.indices.length === 0) {
    throw new TerminalError('the mesh has no faces to export', { code: 'MESH_EMPTY', field: 'mesh' });
  }
  // Standard output belongs to the program, not to its libraries.
  const document = new Document().setLogger(new Logger(Verbosity.SILENT));
  const buffer = document.createBuffer();
  document.getRoot().getAsset().extras = extras;
  const accessor = (
    type: 'VEC2' | 'VEC3' | 'VEC4' | 'SCALAR',
    array: Float32Array | Uint16Array | Uint32Array,
  ): Accessor => document.createAccessor().setType(type).setArray(array).setBuffer(buffer);

  const primitive = document
    .createPrimitive()
    .setIndices(accessor('SCALAR', mesh.positions.length / 3 < 65_535 ? Uint16Array.from(mesh.indices) : mesh.indices))
    .setAttribute('POSITION', accessor('VEC3', toYUp(mesh.positions, 3)))
    .setAttribute('NORMAL', accessor('VEC3', toYUp(mesh.normals, 3)))
    .setAttribute('TEXCOORD_0', accessor('VEC2', mesh.uvs));
  if (mesh.tangents !== undefined) primitive.setAttribute('TANGENT', accessor('VEC4', toYUp(mesh.tangents, 4)));

  if (texture === 'webp') document.createExtension(EXTTextureWebP).setRequired(true);
  if (texture === 'ktx2') document.createExtension(KHRTextureBasisu).setRequired(true);
  const encode = async (image: Image, isNormalMap: boolean) =>
    texture === 'ktx2' ? encodeKtx2(image, isNormalMap) : encodeImage(image, texture);
  // At the same time: encoders run beside this thread.
  const [baseColor, normalMap] = await Promise.all([
    encode(mesh.baseColor, false),
    mesh.normalMap && encode(mesh.normalMap, true),
  ]);
  const textureOf = (role: string, file: Uint8Array) =>
    document.createTexture(role).setMimeType(`image/${texture}`).setImage(file);
  const material = document
    .createMaterial(name)
    .setMetallicFactor(0)
    .setRoughnessFactor(1)
    .setBaseColorTexture(textureOf('baseColor', baseColor));
  if (normalMap !== undefined) material.setNormalTexture(textureOf('normal', normalMap));
  // Charts do not repeat: clamping keeps filters at the rim from reaching to the other side.
  for (const info of [material.getBaseColorTextureInfo(), material.getNormalTextureInfo()]) {
    info?.setWrapS(CLAMP_TO_EDGE).setWrapT(CLAMP_TO_EDGE).setMinFilter(LINEAR_MIPMAP_LINEAR).setMagFilter(LINEAR);
  }

  const node = document
    .createNode(name)
    .setMesh(document.createMesh(name).addPrimitive(primitive.setMaterial(material)));
  document.getRoot().setDefaultScene(document.createScene(name).addChild(node));
  const glb = await new WebIO().registerExtensions([EXTTextureWebP, KHRTextureBasisu]).writeBinary(document);
  return geometry === 'plain' ? glb : compressGlb(glb, geometry);
}

/** WebGL's names for the sampler settings, as glTF has them. */
const CLAMP_TO_EDGE = 33071;
const LINEAR = 9729;
const LINEAR_MIPMAP_LINEAR = 9987;

function toYUp(values: Float32Array, stride: 3 | 4): Float32Array {
  const result = values.slice();
  for (let i = 0; i < values.length; i += stride) {
    result[i + 1] = values[i + 2] as number;
    // Adding 0 keeps -0 out of the file.
    result[i + 2] = -(values[i + 1] as number) + 0;
  }
  return result;
}
