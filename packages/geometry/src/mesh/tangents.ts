import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';

/**
 * [V, 4] unit tangents along growing u, at right angles to the normals, and the sign that makes
 * cross(normal, tangent) * sign point along falling v (up in the image), as glTF wants it.
 *
 * @param normals [V, 3]
 */
export function vertexTangents({ positions, indices, uvs }: UnwrappedMesh, normals: Float32Array): Float32Array {
  const count = positions.length / 3;
  const along = new Float64Array(count * 3);
  const up = new Float64Array(count * 3);
  for (let i = 0; i < indices.length; i += 3) {
    const [a, b, c] = [indices[i] as number, indices[i + 1] as number, indices[i + 2] as number];
    const du1 = (uvs[b * 2] as number) - (uvs[a * 2] as number);
    const du2 = (uvs[c * 2] as number) - (uvs[a * 2] as number);
    const dv1 = (uvs[a * 2 + 1] as number) - (uvs[b * 2 + 1] as number);
    const dv2 = (uvs[a * 2 + 1] as number) - (uvs[c * 2 + 1] as number);
    const area = du1 * dv2 - du2 * dv1;
    if (!(Math.abs(area) > 1e-20)) continue;
    for (let k = 0; k < 3; k++) {
      const p = positions[a * 3 + k] as number;
      const e1 = (positions[b * 3 + k] as number) - p;
      const e2 = (positions[c * 3 + k] as number) - p;
      // Not divided by |area|: large faces count for more.
      const t = (e1 * dv2 - e2 * dv1) * Math.sign(area);
      const s = (e2 * du1 - e1 * du2) * Math.sign(area);
      for (const vertex of [a, b, c]) {
        along[vertex * 3 + k] = (along[vertex * 3 + k] as number) + t;
        up[vertex * 3 + k] = (up[vertex * 3 + k] as number) + s;
      }
    }
  }
  const tangents = new Float32Array(count * 4);
  for (let v = 0; v < count; v++) {
    const [nx, ny, nz] = [normals[v * 3] as number, normals[v * 3 + 1] as number, normals[v * 3 + 2] as number];
    let [tx, ty, tz] = [along[v * 3] as number, along[v * 3 + 1] as number, along[v * 3 + 2] as number];
    const dot = nx * tx + ny * ty + nz * tz;
    [tx, ty, tz] = [tx - nx * dot, ty - ny * dot, tz - nz * dot];
    let length = Math.hypot(tx, ty, tz);
    if (!(length > 1e-20)) {
      // No direction of its own: any one at right angles to the normal.
      [tx, ty, tz] = Math.abs(nx) < 0.9 ? [1 - nx * nx, -nx * ny, -nx * nz] : [-ny * nx, 1 - ny * ny, -ny * nz];
      length = Math.hypot(tx, ty, tz);
    }
    [tx, ty, tz] = [tx / length, ty / length, tz / length];
    const bitangent = [ny * tz - nz * ty, nz * tx - nx * tz, nx * ty - ny * tx];
    const side = bitangent.reduce((sum, value, k) => sum + value * (up[v * 3 + k] as number), 0);
    tangents.set([tx, ty, tz, side < 0 ? -1 : 1], v * 4);
  }
  return tangents;
}
