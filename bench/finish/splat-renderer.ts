/**
 * Pictures of 3D Gaussians by the formulas of the paper and nothing else (Kerbl et al. 2023, "3D Gaussian Splatting for
 * Real-Time Radiance Field Rendering", sections 4 and 6): project, sort, composite. It shares no code with what it
 * judges.
 */

import type { Gaussians } from '@espalier/geometry';

/** A pinhole camera that looks along `forward`. */
export interface Pinhole {
  readonly eye: readonly number[];
  readonly right: readonly number[];
  readonly up: readonly number[];
  readonly forward: readonly number[];
  /** Pixels along one side of the square picture. */
  readonly size: number;
  /** Pixels: half the size over the tangent of half the field of view. */
  readonly focal: number;
}

/** Added to both variances in the picture, square pixels, so that no Gaussian falls between pixels. */
const LOW_PASS = 0.3;
const MIN_ALPHA = 1 / 255;
const MAX_ALPHA = 0.99;
/** A pixel is done when this little of what is behind it shows. */
const MIN_TRANSMITTANCE = 1e-4;
/** Nearer to the eye than this, world units, Gaussians are not drawn. */
const NEAR = 0.2;
const SH_C0 = 0.28209479177387814;

/** Depths are sorted together with the Gaussians' numbers, packed into one double: 29 bits and 21. */
const NUMBERS = 2 ** 21;
const DEPTH_STEPS = 2 ** 26;

export class SplatRenderer {
  readonly #gaussians: Gaussians;
  /** [G, 6] covariances in the world: xx, xy, xz, yy, yz, zz. */
  readonly #covariances: Float64Array;

  constructor(gaussians: Gaussians) {
    this.#gaussians = gaussians;
    this.#covariances = new Float64Array(gaussians.count * 6);
    for (let g = 0; g < gaussians.count; g++) this.#covariances.set(covarianceOf(gaussians, g), g * 6);
  }

  /** [size * size, 4] premultiplied sRGB, and opacity. Nearest Gaussians first, in the order of their centres. */
  render(camera: Pinhole): Float64Array {
    const { count, positions } = this.#gaussians;
    const { eye, right, up, forward, size } = camera;
    const picture = new Float64Array(size * size * 4);
    const keys = new Float64Array(count);
    let drawn = 0;
    for (let g = 0; g < count; g++) {
      let depth = 0;
      for (let k = 0; k < 3; k++) {
        depth += (forward[k] as number) * ((positions[g * 3 + k] as number) - (eye[k] as number));
      }
      if (depth > NEAR) keys[drawn++] = Math.floor(depth * DEPTH_STEPS) * NUMBERS + g;
    }
    // Rows of the picture run down.
    const axes = Float64Array.of(...right, ...up.map((value) => -value), ...forward);
    for (const key of keys.subarray(0, drawn).sort()) this.#splat(key % NUMBERS, axes, camera, picture);
    return picture;
  }

  /** Adds one Gaussian behind all that were drawn before it. */
  #splat(g: number, axes: Float64Array, { eye, size, focal }: Pinhole, picture: Float64Array): void {
    const { positions, opacities, sh0 } = this.#gaussians;
    const [r0, r1, r2, d0, d1, d2, f0, f1, f2] = axes as unknown as Nine;
    const px = (positions[g * 3] as number) - (eye[0] as number);
    const py = (positions[g * 3 + 1] as number) - (eye[1] as number);
    const pz = (positions[g * 3 + 2] as number) - (eye[2] as number);
    const z = f0 * px + f1 * py + f2 * pz;
    const [x, y] = [(r0 * px + r1 * py + r2 * pz) / z, (d0 * px + d1 * py + d2 * pz) / z];
    // Rows of J W: the projection's Jacobian at the centre, after the turn into the camera's axes (equation 5).
    const scale = focal / z;
    const [u0, u1, u2] = [scale * (r0 - x * f0), scale * (r1 - x * f1), scale * (r2 - x * f2)];
    const [v0, v1, v2] = [scale * (d0 - y * f0), scale * (d1 - y * f1), scale * (d2 - y * f2)];
    const c = g * 6;
    const [cxx, cxy, cxz] = [this.#covariance(c), this.#covariance(c + 1), this.#covariance(c + 2)];
    const [cyy, cyz, czz] = [this.#covariance(c + 3), this.#covariance(c + 4), this.#covariance(c + 5)];
    const [a0, a1, a2] = [
      cxx * u0 + cxy * u1 + cxz * u2,
      cxy * u0 + cyy * u1 + cyz * u2,
      cxz * u0 + cyz * u1 + czz * u2,
    ];
    const xx = u0 * a0 + u1 * a1 + u2 * a2 + LOW_PASS;
    const xy = v0 * a0 + v1 * a1 + v2 * a2;
    const yy =
      v0 * (cxx * v0 + cxy * v1 + cxz * v2) +
      v1 * (cxy * v0 + cyy * v1 + cyz * v2) +
      v2 * (cxz * v0 + cyz * v1 + czz * v2) +
      LOW_PASS;
    const determinant = xx * yy - xy * xy;
    const [centerX, centerY] = [size / 2 + focal * x, size / 2 + focal * y];
    const reach = 3 * Math.sqrt(Math.max(xx, yy));
    const opacity = opacities[g] as number;
    const [x0, x1] = [Math.max(0, Math.floor(centerX - reach)), Math.min(size - 1, Math.floor(centerX + reach))];
    const [y0, y1] = [Math.max(0, Math.floor(centerY - reach)), Math.min(size - 1, Math.floor(centerY + reach))];
    for (let row = y0; row <= y1; row++) {
      for (let column = x0; column <= x1; column++) {
        const at = (row * size + column) * 4;
        const transmittance = 1 - (picture[at + 3] as number);
        if (transmittance < MIN_TRANSMITTANCE) continue;
        const [dx, dy] = [column + 0.5 - centerX, row + 0.5 - centerY];
        const power = (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / (-2 * determinant);
        const alpha = Math.min(MAX_ALPHA, opacity * Math.exp(power));
        if (alpha < MIN_ALPHA) continue;
        for (let k = 0; k < 3; k++) {
          const color = Math.max(0, 0.5 + SH_C0 * (sh0[g * 3 + k] as number));
          picture[at + k] = (picture[at + k] as number) + transmittance * alpha * color;
        }
        picture[at + 3] = 1 - transmittance * (1 - alpha);
      }
    }
  }

  #covariance(i: number): number {
    return this.#covariances[i] as number;
  }
}

type Nine = [number, number, number, number, number, number, number, number, number];

/** R S S R^T of a quaternion with w first and three deviations (equation 6). */
function covarianceOf({ scales, rotations }: Gaussians, g: number): number[] {
  const q = [...rotations.subarray(g * 4, g * 4 + 4)];
  const length = Math.hypot(...q) || 1;
  const [w = 1, x = 0, y = 0, z = 0] = q.map((value) => value / length);
  const rows = [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ].map((row) => row.map((value, axis) => value * (scales[g * 3 + axis] as number)));
  const product = (i: number, j: number) =>
    (rows[i] as number[]).reduce((sum, value, axis) => sum + value * ((rows[j] as number[])[axis] as number), 0);
  return [product(0, 0), product(0, 1), product(0, 2), product(1, 1), product(1, 2), product(2, 2)];
}
