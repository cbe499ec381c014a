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

/** [size * size, 4] premultiplied sRGB, and opacity. */
export function renderSplats(gaussians: Gaussians, camera: Pinhole): Float64Array {
  const { size } = camera;
  const picture = new Float64Array(size * size * 4);
  const axes = [camera.right, camera.up.map((v) => -v), camera.forward];
  const places = new Float64Array(gaussians.count * 3);
  for (let g = 0; g < gaussians.count; g++) {
    axes.forEach((axis, row) => {
      let sum = 0;
      for (let k = 0; k < 3; k++) {
        sum += (axis[k] as number) * ((gaussians.positions[g * 3 + k] as number) - (camera.eye[k] as number));
      }
      places[g * 3 + row] = sum;
    });
  }
  const order = Uint32Array.from({ length: gaussians.count }, (_, g) => g)
    .filter((g) => (places[g * 3 + 2] as number) > NEAR)
    .sort((a, b) => (places[a * 3 + 2] as number) - (places[b * 3 + 2] as number));
  for (const g of order) splat(gaussians, g, places.subarray(g * 3, g * 3 + 3), axes, camera, picture);
  return picture;
}

/** Adds one Gaussian behind all that were drawn before it. */
function splat(
  { sh0, scales, rotations, opacities }: Gaussians,
  g: number,
  [x = 0, y = 0, z = 1]: Float64Array,
  axes: readonly (readonly number[])[],
  { size, focal }: Pinhole,
  picture: Float64Array,
): void {
  // Covariance = M M^T with M = J W R S: world to camera, then the projection's Jacobian at the centre (equation 5).
  const rotation = rotationOf(rotations, g);
  let [xx, xy, yy] = [LOW_PASS, 0, LOW_PASS];
  for (let column = 0; column < 3; column++) {
    const seen = axes.map((axis) => {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += (axis[k] as number) * (rotation[k * 3 + column] as number);
      return sum * (scales[g * 3 + column] as number);
    });
    const [a = 0, b = 0, c = 0] = seen;
    const [u, v] = [(focal / z) * (a - (x / z) * c), (focal / z) * (b - (y / z) * c)];
    xx += u * u;
    xy += u * v;
    yy += v * v;
  }
  const determinant = xx * yy - xy * xy;
  const [centerX, centerY] = [size / 2 + (focal * x) / z, size / 2 + (focal * y) / z];
  const reach = Math.ceil(3 * Math.sqrt(Math.max(xx, yy)));
  const opacity = opacities[g] as number;
  for (let row = Math.max(0, Math.floor(centerY - reach)); row <= Math.min(size - 1, centerY + reach); row++) {
    for (let col = Math.max(0, Math.floor(centerX - reach)); col <= Math.min(size - 1, centerX + reach); col++) {
      const at = (row * size + col) * 4;
      const transmittance = 1 - (picture[at + 3] as number);
      if (transmittance < MIN_TRANSMITTANCE) continue;
      const [dx, dy] = [col + 0.5 - centerX, row + 0.5 - centerY];
      const power = -0.5 * (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy);
      const alpha = Math.min(MAX_ALPHA, opacity * Math.exp(power / determinant));
      if (alpha < MIN_ALPHA) continue;
      for (let k = 0; k < 3; k++) {
        const color = Math.max(0, 0.5 + SH_C0 * (sh0[g * 3 + k] as number));
        picture[at + k] = (picture[at + k] as number) + transmittance * alpha * color;
      }
      picture[at + 3] = 1 - transmittance * (1 - alpha);
    }
  }
}

/** Row-major, from a quaternion with w first. */
function rotationOf(rotations: Float32Array, g: number): number[] {
  const q = [...rotations.subarray(g * 4, g * 4 + 4)];
  const length = Math.hypot(...q) || 1;
  const [w = 1, x = 0, y = 0, z = 0] = q.map((value) => value / length);
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ].flat();
}
