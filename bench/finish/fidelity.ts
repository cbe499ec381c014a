/**
 * How true a baked texture is: renders of the asset from cameras that no bake has seen, against the source.
 *
 * The baseline is upstream's "fast" way written plainly: pictures of the Gaussians from many sides, each pixel's colour
 * added to the texel it falls on, the mean taken, the rest filled from around.
 */

import {
  type Camera,
  type Gaussians,
  type Image,
  orbitCamera,
  type RawMesh,
  type RenderableMesh,
  renderMesh,
  type UnwrappedMesh,
} from '@espalier/geometry';
import type { ColorField } from '../../packages/geometry/test/shapes.ts';
import { type Pinhole, SplatRenderer } from './splat-renderer.ts';

export interface Fidelity {
  /** Decibels, over pixels that both pictures show, mean over cameras. */
  readonly psnr: number;
  readonly ssim: number;
}

const VIEW = 256;
/** Opacity from which a pixel of Gaussians shows no background. */
const OPAQUE = 0.99;
const BASELINE_VIEWS = 40;
const BASELINE_SIZE = 512;
const FIELD_OF_VIEW = (40 * Math.PI) / 180;

/** 24 directions on a spiral; `offset` turns it, so that no two sets share one. */
function cameras(count: number, offset: number): Camera[] {
  return Array.from({ length: count }, (_, i) => {
    const elevation = Math.asin(1 - (2 * (i + 0.5)) / count) * 0.95;
    return orbitCamera(i * Math.PI * (3 - Math.sqrt(5)) + offset, elevation, FIELD_OF_VIEW, 2);
  });
}

/** Pictures of the source: its own mesh with the known texture at every vertex. */
export function truthViews(outer: RawMesh, color: ColorField): Image[] {
  const attributes = new Float32Array(outer.positions.length);
  for (let v = 0; v < outer.positions.length; v += 3) {
    attributes.set(
      color(outer.positions[v] as number, outer.positions[v + 1] as number, outer.positions[v + 2] as number),
      v,
    );
  }
  return heldOutViews({ ...outer, attributes });
}

export function heldOutViews(mesh: RenderableMesh): Image[] {
  return cameras(24, 0.7).map((camera) => renderMesh(mesh, { camera, width: VIEW, height: VIEW, shading: 'unlit' }));
}

/** Pictures of the Gaussians themselves from the held-out cameras; where they are not opaque, nothing is compared. */
export function splatViews(gaussians: Gaussians): Image[] {
  const renderer = new SplatRenderer(gaussians);
  return cameras(24, 0.7).map((camera) => {
    const picture = renderer.render(pinholeOf(camera, VIEW));
    const data = new Uint8Array(picture.length);
    for (let i = 0; i < picture.length; i += 4) {
      const opacity = picture[i + 3] as number;
      if (opacity < OPAQUE) continue;
      for (let c = i; c < i + 3; c++) data[c] = Math.round((255 * (picture[c] as number)) / opacity);
      data[i + 3] = 255;
    }
    return { width: VIEW, height: VIEW, channels: 4, data };
  });
}

export function compareViews(truth: readonly Image[], views: readonly Image[]): Fidelity {
  const each = truth.map((image, i) => compare(image, views[i] as Image));
  const mean = (pick: (f: Fidelity) => number) => each.reduce((sum, f) => sum + pick(f), 0) / each.length;
  return { psnr: mean((f) => f.psnr), ssim: mean((f) => f.ssim) };
}

function compare(a: Image, b: Image): Fidelity {
  let [error, count] = [0, 0];
  for (let i = 0; i < a.data.length; i += 4) {
    if (a.data[i + 3] !== 255 || b.data[i + 3] !== 255) continue;
    for (let c = 0; c < 3; c++) error += (((a.data[i + c] as number) - (b.data[i + c] as number)) / 255) ** 2;
    count += 3;
  }
  return { psnr: count === 0 ? 0 : -10 * Math.log10(Math.max(error / count, 1e-10)), ssim: structuralSimilarity(a, b) };
}

/** Wang et al. 2004 on luma, 8x8 windows every 4 pixels, windows that both pictures fill. */
function structuralSimilarity(a: Image, b: Image): number {
  let [sum, count] = [0, 0];
  for (let y = 0; y + 8 <= a.height; y += 4) {
    for (let x = 0; x + 8 <= a.width; x += 4) {
      let [sa, sb, saa, sbb, sab, full] = [0, 0, 0, 0, 0, true];
      for (let k = 0; k < 64 && full; k++) {
        const i = ((y + (k >> 3)) * a.width + x + (k & 7)) * 4;
        full = a.data[i + 3] === 255 && b.data[i + 3] === 255;
        const [la, lb] = [luma(a.data, i), luma(b.data, i)];
        sa += la;
        sb += lb;
        saa += la * la;
        sbb += lb * lb;
        sab += la * lb;
      }
      if (!full) continue;
      const [ma, mb] = [sa / 64, sb / 64];
      const [va, vb, cov] = [saa / 64 - ma * ma, sbb / 64 - mb * mb, sab / 64 - ma * mb];
      const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
      sum += ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
      count++;
    }
  }
  return count === 0 ? 0 : sum / count;
}

function luma(data: Uint8Array, i: number): number {
  return 0.299 * (data[i] as number) + 0.587 * (data[i + 1] as number) + 0.114 * (data[i + 2] as number);
}

/** Base colour by projecting pictures of the Gaussians from `BASELINE_VIEWS` sides onto the texture. */
export function projectViews(target: UnwrappedMesh, gaussians: Gaussians, size: number): Image {
  const renderer = new SplatRenderer(gaussians);
  const sums = new Float64Array(size * size * 4);
  // Where each pixel of a view lies in the texture, drawn as a picture of the coordinates themselves.
  for (const camera of cameras(BASELINE_VIEWS, 0)) {
    const uv = renderCoordinates(target, camera);
    const view = renderer.render(pinholeOf(camera, BASELINE_SIZE));
    for (let pixel = 0; pixel < BASELINE_SIZE * BASELINE_SIZE; pixel++) {
      const u = uv[pixel * 2] as number;
      if (u < 0 || (view[pixel * 4 + 3] as number) < 0.5) continue;
      const x = Math.min(size - 1, Math.floor(u * size));
      const y = Math.min(size - 1, Math.floor((uv[pixel * 2 + 1] as number) * size));
      const texel = (y * size + x) * 4;
      for (let c = 0; c < 3; c++) {
        sums[texel + c] =
          (sums[texel + c] as number) + (view[pixel * 4 + c] as number) / (view[pixel * 4 + 3] as number);
      }
      sums[texel + 3] = (sums[texel + 3] as number) + 1;
    }
  }
  const data = new Uint8Array(size * size * 3);
  const queue: number[] = [];
  const done = new Uint8Array(size * size);
  for (let texel = 0; texel < size * size; texel++) {
    const weight = sums[texel * 4 + 3] as number;
    if (weight === 0) continue;
    for (let c = 0; c < 3; c++) data[texel * 3 + c] = Math.round((255 * (sums[texel * 4 + c] as number)) / weight);
    done[texel] = 1;
    queue.push(texel);
  }
  for (let head = 0; head < queue.length; head++) {
    const texel = queue[head] as number;
    const x = texel % size;
    for (const other of [x > 0 ? texel - 1 : -1, x < size - 1 ? texel + 1 : -1, texel - size, texel + size]) {
      if (other < 0 || other >= size * size || done[other] === 1) continue;
      done[other] = 1;
      data.copyWithin(other * 3, texel * 3, texel * 3 + 3);
      queue.push(other);
    }
  }
  return { width: size, height: size, channels: 3, data };
}

/** The camera as the splat renderer takes it. */
function pinholeOf({ eye }: Camera, size: number): Pinhole {
  const length = Math.hypot(...eye);
  const forward = eye.map((v) => -v / length) as [number, number, number];
  const flat = Math.hypot(forward[0], forward[1]);
  const right = [forward[1] / flat, -forward[0] / flat, 0];
  return { eye, right, up: cross(right, forward), forward, size, focal: size / 2 / Math.tan(FIELD_OF_VIEW / 2) };
}

/** [pixels, 2] texture coordinates, -1 where the mesh is not seen. */
function renderCoordinates(target: UnwrappedMesh, camera: Camera): Float64Array {
  const options = { camera, width: BASELINE_SIZE, height: BASELINE_SIZE, shading: 'unlit', supersample: 1 } as const;
  const frame = pinholeOf(camera, BASELINE_SIZE);
  // The face a pixel shows is found from its place: coordinates would lose too much as 8-bit colours.
  const ids = new Float32Array(target.indices.length * 3);
  const positions = new Float32Array(target.indices.length * 3);
  for (let i = 0; i < target.indices.length; i++) {
    const face = Math.floor(i / 3);
    positions.set(
      target.positions.subarray((target.indices[i] as number) * 3, (target.indices[i] as number) * 3 + 3),
      i * 3,
    );
    ids.set([((face >> 16) & 255) / 255, ((face >> 8) & 255) / 255, (face & 255) / 255], i * 3);
  }
  const indices = Uint32Array.from({ length: target.indices.length }, (_, i) => i);
  const picture = renderMesh({ positions, indices, attributes: ids, normals: positions }, options);
  const out = new Float64Array(BASELINE_SIZE * BASELINE_SIZE * 2).fill(-1);
  const scale = (2 * Math.tan(FIELD_OF_VIEW / 2)) / BASELINE_SIZE;
  for (let pixel = 0; pixel < BASELINE_SIZE * BASELINE_SIZE; pixel++) {
    if (picture.data[pixel * 4 + 3] !== 255) continue;
    const face =
      ((picture.data[pixel * 4] as number) << 16) |
      ((picture.data[pixel * 4 + 1] as number) << 8) |
      (picture.data[pixel * 4 + 2] as number);
    const [x, y] = [(pixel % BASELINE_SIZE) + 0.5, Math.floor(pixel / BASELINE_SIZE) + 0.5];
    const [a, b] = [(x - BASELINE_SIZE / 2) * scale, (BASELINE_SIZE / 2 - y) * scale];
    const d = [0, 1, 2].map(
      (k) => (frame.forward[k] as number) + a * (frame.right[k] as number) + b * (frame.up[k] as number),
    );
    const weights = rayWeights(positions, face, frame.eye, d);
    for (let k = 0; k < 2; k++) {
      out[pixel * 2 + k] = weights.reduce(
        (sum, weight, corner) =>
          sum + weight * (target.uvs[(target.indices[face * 3 + corner] as number) * 2 + k] as number),
        0,
      );
    }
  }
  return out;
}

function rayWeights(
  positions: Float32Array,
  face: number,
  eye: readonly number[],
  d: readonly number[],
): [number, number, number] {
  const corner = (c: number) =>
    [0, 1, 2].map((k) => positions[face * 9 + c * 3 + k] as number) as [number, number, number];
  const [a, b, c] = [corner(0), corner(1), corner(2)];
  const u = b.map((v, k) => v - (a[k] as number)) as [number, number, number];
  const v = c.map((value, k) => value - (a[k] as number)) as [number, number, number];
  const s = eye.map((value, k) => value - (a[k] as number)) as [number, number, number];
  const p = cross(d, v);
  const determinant = dot(u, p) || 1e-12;
  const weightB = dot(s, p) / determinant;
  const weightC = dot(d, cross(s, u)) / determinant;
  return [1 - weightB - weightC, weightB, weightC];
}

function cross(a: readonly number[], b: readonly number[]): [number, number, number] {
  const [ax, ay, az] = a as [number, number, number];
  const [bx, by, bz] = b as [number, number, number];
  return [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, k) => sum + value * (b[k] as number), 0);
}
