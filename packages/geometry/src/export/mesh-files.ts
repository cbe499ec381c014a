/** Meshes as OBJ with its material, and as STL. */

import type { TexturedMesh } from '../gltf/textured-mesh.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { crossProduct } from '../mesh/topology.ts';

export interface ObjFiles {
  readonly obj: string;
  readonly mtl: string;
}

export interface ObjNames {
  /** File name of the material library that the OBJ refers to. */
  readonly mtl: string;
  /** File name of the base colour image that the material refers to. */
  readonly baseColor: string;
}

/** Wavefront OBJ, y up as in the GLB: (x, y, z) becomes (x, z, -y). Texture coordinates have v up, as OBJ wants them. */
export function meshToObj(mesh: TexturedMesh, names: ObjNames): ObjFiles {
  const { positions, normals, uvs, indices } = mesh;
  const lines = [`mtllib ${names.mtl}`, 'o asset'];
  for (let i = 0; i < positions.length; i += 3) lines.push(`v ${yUp(positions, i)}`);
  for (let i = 0; i < uvs.length; i += 2)
    lines.push(`vt ${plain(uvs[i] as number)} ${plain(1 - (uvs[i + 1] as number))}`);
  for (let i = 0; i < normals.length; i += 3) lines.push(`vn ${yUp(normals, i)}`);
  lines.push('usemtl asset');
  for (let i = 0; i < indices.length; i += 3) {
    const corners = [0, 1, 2].map((k) => (indices[i + k] as number) + 1);
    lines.push(`f ${corners.map((v) => `${v}/${v}/${v}`).join(' ')}`);
  }
  const mtl = ['newmtl asset', 'Kd 1 1 1', 'Ks 0 0 0', 'illum 1', `map_Kd ${names.baseColor}`, ''].join('\n');
  return { obj: `${lines.join('\n')}\n`, mtl };
}

/** Binary STL, z up as printers expect it, in world units. */
export function meshToStl({ positions, indices }: TriangleMesh): Uint8Array {
  const faces = indices.length / 3;
  const file = new Uint8Array(84 + faces * 50);
  const view = new DataView(file.buffer);
  view.setUint32(80, faces, true);
  for (let face = 0; face < faces; face++) {
    const normal = crossProduct(positions, indices, face * 3);
    const length = Math.hypot(...normal) || 1;
    const values = normal.map((value) => value / length);
    for (let k = 0; k < 3; k++) {
      const vertex = (indices[face * 3 + k] as number) * 3;
      values.push(...positions.subarray(vertex, vertex + 3));
    }
    values.forEach((value, k) => {
      view.setFloat32(84 + face * 50 + k * 4, value, true);
    });
  }
  return file;
}

function yUp(values: Float32Array, i: number): string {
  return [values[i] as number, values[i + 2] as number, 0 - (values[i + 1] as number)].map(plain).join(' ');
}

/** Six digits are below a float32's own error at these sizes, and never an exponent. */
function plain(value: number): string {
  return String(Number(value.toFixed(6)));
}
