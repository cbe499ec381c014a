/** Pictures of meshes, drawn on the CPU: previews, contact sheets, and a look at any result. */

import type { Image } from '../bake/image.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { vertexNormals } from '../mesh/normals.ts';
import { type Camera, normalize, type Vector3, type View, viewOf } from './camera.ts';
import { Occlusion } from './occlusion.ts';
import { SampleGroups } from './sample-groups.ts';
import { sampleImage } from './sample-image.ts';
import { toLinear, toSrgb } from './srgb.ts';
import { rasterize } from './visibility.ts';

export interface RenderableMesh extends TriangleMesh {
  /** [V, 3]; computed when absent. */
  readonly normals?: Float32Array;
  /** [V, 4]; needed for the normal map to show. */
  readonly tangents?: Float32Array;
  /** [V, 2]; needed for the textures to show. */
  readonly uvs?: Float32Array;
  readonly baseColor?: Image;
  readonly normalMap?: Image;
  /** [V, k] sRGB colours in the first three of k values, used without a base colour texture. */
  readonly attributes?: Float32Array;
}

export interface RenderOptions {
  readonly camera: Camera;
  readonly width: number;
  readonly height: number;
  /** Samples along each axis of a pixel. Default 2. */
  readonly supersample?: number;
  /** `pixel` shades a face once in a pixel, at the middle of its samples there; `sample` (default) each of them. */
  readonly shadePer?: 'sample' | 'pixel';
  /** `lit` (default), `unlit` base colour, `clay` for the shape alone, `flat` clay with face normals. */
  readonly shading?: 'lit' | 'unlit' | 'clay' | 'flat';
  /** Surfaces this near shade each other, world units; not when unlit. Default none. */
  readonly occlusionRadius?: number;
  /** Draws the edges of faces on top. Default false. */
  readonly wireframe?: boolean;
  /** sRGB and alpha, 0 to 1. Default transparent. */
  readonly background?: readonly [number, number, number, number];
}

const CLAY: Vector3 = [0.74, 0.73, 0.71];
/** Fixed to the camera, in its axes right, up, backward: what is seen is lit. */
const KEY_LIGHT = normalize([-0.45, 0.65, 0.7]);
const FILL_LIGHT = normalize([0.8, 0.1, 0.5]);

/** RGBA image with straight alpha. Light is added up in linear space; faces are lit from both sides. */
export function renderMesh(mesh: RenderableMesh, options: RenderOptions): Image {
  const { width, height, supersample = 2, shadePer = 'sample', background = [0, 0, 0, 0], occlusionRadius } = options;
  const view = viewOf(options.camera);
  const buffer = rasterize(mesh, view, width * supersample, height * supersample);
  const hasShade = occlusionRadius !== undefined && options.shading !== 'unlit';
  const occlusion = hasShade ? new Occlusion(mesh, view, buffer, occlusionRadius) : undefined;
  const shader = new Shader(mesh, mesh.normals ?? vertexNormals(mesh), options);
  const groups = new SampleGroups(buffer, supersample, shadePer === 'pixel');
  const samples = supersample * supersample;
  const color = new Float64Array(3);
  const sum = new Float64Array(3);
  const data = new Uint8Array(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    groups.collect(pixel % width, Math.floor(pixel / width));
    sum.fill(0);
    for (let g = 0; g < groups.count; g++) {
      const { face, v, w, share, sample } = groups.at(g);
      shader.color(face, v, w, occlusion?.lightAt(sample) ?? 1, view, color);
      for (let c = 0; c < 3; c++) sum[c] = (sum[c] as number) + (color[c] as number) * share;
    }
    const covered = groups.covered / samples;
    const behind = background[3] * (1 - covered);
    const alpha = covered + behind;
    for (let c = 0; c < 3 && alpha > 0; c++) {
      const light = (sum[c] as number) / samples + toLinear(background[c] as number) * behind;
      data[pixel * 4 + c] = Math.round(255 * toSrgb(light / alpha));
    }
    data[pixel * 4 + 3] = Math.round(255 * alpha);
  }
  return { width, height, channels: 4, data };
}

class Shader {
  readonly #mesh: RenderableMesh;
  readonly #normals: Float32Array;
  readonly #options: RenderOptions;
  readonly #channels: number;
  readonly #texel = new Float64Array(3);
  /** Half the width of a wire, world units: about a pixel in all. */
  readonly #lineWidth: number;

  constructor(mesh: RenderableMesh, normals: Float32Array, options: RenderOptions) {
    this.#mesh = mesh;
    this.#normals = normals;
    this.#options = options;
    const view = viewOf(options.camera);
    const { eye, target } = options.camera;
    const depth = view.isPerspective ? Math.hypot(...eye.map((v, k) => v - (target[k] as number))) : 1;
    this.#lineWidth = depth / (view.focal * options.height);
    this.#channels = (mesh.attributes?.length ?? 0) / (mesh.positions.length / 3);
  }

  /** Linear colour of a point of a face that gets the share `ambient` of its surroundings' light. */
  color(face: number, v: number, w: number, ambient: number, view: View, out: Float64Array): void {
    const { shading = 'lit', wireframe = false } = this.#options;
    const corners = this.#mesh.indices.subarray(face * 3, face * 3 + 3);
    this.#baseColor(corners, v, w, out);
    if (shading !== 'unlit') {
      const normal = shading === 'flat' ? this.#faceNormal(corners) : this.#normal(corners, v, w);
      let [x, y, z] = [view.right, view.up, view.forward].map(
        (axis) => axis[0] * normal[0] + axis[1] * normal[1] + axis[2] * normal[2],
      ) as [number, number, number];
      // Away from the viewer is -forward; a face seen from behind is lit as if it were turned round.
      if (z > 0) [x, y, z] = [-x, -y, -z];
      const key = Math.max(0, x * KEY_LIGHT[0] + y * KEY_LIGHT[1] - z * KEY_LIGHT[2]);
      const fill = Math.max(0, x * FILL_LIGHT[0] + y * FILL_LIGHT[1] - z * FILL_LIGHT[2]);
      // What is hidden from the surroundings is half hidden from the lamps, too.
      const light = (0.3 + 0.1 * y) * ambient + (0.62 * key + 0.18 * fill) * (0.5 + 0.5 * ambient);
      for (let c = 0; c < 3; c++) out[c] = Math.min(1, (out[c] as number) * light);
    }
    if (wireframe && this.#edgeDistance(corners, v, w) < this.#lineWidth) out.fill(0.03);
  }

  #baseColor(corners: Uint32Array, v: number, w: number, out: Float64Array): void {
    const { baseColor, uvs, attributes } = this.#mesh;
    const { shading = 'lit' } = this.#options;
    const [a, b, c] = corners as unknown as [number, number, number];
    if (
      shading === 'clay' ||
      shading === 'flat' ||
      (attributes === undefined && (baseColor === undefined || uvs === undefined))
    ) {
      for (let k = 0; k < 3; k++) out[k] = toLinear(CLAY[k] as number);
    } else if (baseColor !== undefined && uvs !== undefined) {
      sampleImage(baseColor, mix(uvs, 2, 0, a, b, c, v, w), mix(uvs, 2, 1, a, b, c, v, w), out);
      for (let k = 0; k < 3; k++) out[k] = toLinear(out[k] as number);
    } else if (attributes !== undefined) {
      for (let k = 0; k < 3; k++) out[k] = toLinear(mix(attributes, this.#channels, k, a, b, c, v, w));
    }
  }

  #normal(corners: Uint32Array, v: number, w: number): Vector3 {
    const { normalMap, tangents, uvs } = this.#mesh;
    const [a, b, c] = corners as unknown as [number, number, number];
    const n = normalize([0, 1, 2].map((k) => mix(this.#normals, 3, k, a, b, c, v, w)) as unknown as Vector3);
    if (normalMap === undefined || tangents === undefined || uvs === undefined || this.#options.shading === 'clay')
      return n;
    const t = normalize([0, 1, 2].map((k) => mix(tangents, 4, k, a, b, c, v, w)) as unknown as Vector3);
    const sign = tangents[a * 4 + 3] as number;
    const bitangent = [n[1] * t[2] - n[2] * t[1], n[2] * t[0] - n[0] * t[2], n[0] * t[1] - n[1] * t[0]];
    sampleImage(normalMap, mix(uvs, 2, 0, a, b, c, v, w), mix(uvs, 2, 1, a, b, c, v, w), this.#texel);
    const [x, y, z] = Array.from(this.#texel, (value) => value * 2 - 1) as [number, number, number];
    return normalize(
      [0, 1, 2].map(
        (k) => (t[k] as number) * x + (bitangent[k] as number) * sign * y + (n[k] as number) * z,
      ) as unknown as Vector3,
    );
  }

  /** World distance from a point of a face to the face's nearest edge. */
  #edgeDistance(corners: Uint32Array, v: number, w: number): number {
    const p = this.#mesh.positions;
    const side = (i: number, j: number) =>
      Math.hypot(
        ...[0, 1, 2].map(
          (k) => (p[(corners[i] as number) * 3 + k] as number) - (p[(corners[j] as number) * 3 + k] as number),
        ),
      );
    const [ab, bc, ca] = [side(0, 1), side(1, 2), side(2, 0)];
    const s = (ab + bc + ca) / 2;
    const twiceArea = 2 * Math.sqrt(Math.max(0, s * (s - ab) * (s - bc) * (s - ca)));
    return twiceArea * Math.min(v / ca, w / ab, (1 - v - w) / bc);
  }

  #faceNormal(corners: Uint32Array): Vector3 {
    const p = this.#mesh.positions;
    const [a, b, c] = Array.from(corners, (vertex) => vertex * 3) as [number, number, number];
    const u = [0, 1, 2].map((k) => (p[b + k] as number) - (p[a + k] as number)) as [number, number, number];
    const s = [0, 1, 2].map((k) => (p[c + k] as number) - (p[a + k] as number)) as [number, number, number];
    return normalize([u[1] * s[2] - u[2] * s[1], u[2] * s[0] - u[0] * s[2], u[0] * s[1] - u[1] * s[0]]);
  }
}

function mix(
  values: Float32Array,
  stride: number,
  k: number,
  a: number,
  b: number,
  c: number,
  v: number,
  w: number,
): number {
  const [va, vb, vc] = [
    values[a * stride + k] as number,
    values[b * stride + k] as number,
    values[c * stride + k] as number,
  ];
  return va * (1 - v - w) + vb * v + vc * w;
}
