/** 3D Gaussians as files that splat viewers open. */

import type { Gaussians } from '../gaussians.ts';
import { opacityLogit, scaleLogarithm, turnedPosition, turnedQuaternion } from './turned-gaussians.ts';

const SH_C0 = 0.28209479177387814;
const SPLAT_BYTES = 32;

const PLY_PROPERTIES = [
  ...['x', 'y', 'z', 'nx', 'ny', 'nz', 'f_dc_0', 'f_dc_1', 'f_dc_2', 'opacity'],
  ...['scale_0', 'scale_1', 'scale_2', 'rot_0', 'rot_1', 'rot_2', 'rot_3'],
];

/**
 * Binary PLY as the 3D Gaussian Splatting reference writes it (Kerbl et al. 2023): logit of the opacity, logarithm of
 * the scales, quaternion with w first, degree 0 harmonics; y down.
 */
export function gaussiansToPly(gaussians: Gaussians): Uint8Array {
  const { count, sh0, opacities, scales } = gaussians;
  const lines = ['ply', 'format binary_little_endian 1.0', `element vertex ${count}`];
  const header = [...lines, ...PLY_PROPERTIES.map((name) => `property float ${name}`), 'end_header', ''].join('\n');
  const start = new TextEncoder().encode(header);
  const stride = PLY_PROPERTIES.length;
  const values = new DataView(new ArrayBuffer(count * stride * 4));
  for (let g = 0; g < count; g++) {
    const row = [...turnedPosition(gaussians, g), 0, 0, 0];
    for (let k = 0; k < 3; k++) row.push(sh0[g * 3 + k] as number);
    row.push(opacityLogit(opacities[g] as number));
    for (let k = 0; k < 3; k++) row.push(scaleLogarithm(scales[g * 3 + k] as number));
    row.push(...turnedQuaternion(gaussians, g));
    for (let k = 0; k < stride; k++) values.setFloat32((g * stride + k) * 4, row[k] as number, true);
  }
  const file = new Uint8Array(start.length + values.byteLength);
  file.set(start);
  file.set(new Uint8Array(values.buffer), start.length);
  return file;
}

/**
 * `.splat`, the 32-byte records of antimatter15's viewer: position, scales, RGBA, quaternion, largest and most opaque
 * first; y down.
 */
export function gaussiansToSplat(gaussians: Gaussians): Uint8Array {
  const { count, sh0, opacities, scales } = gaussians;
  const weight = Float64Array.from({ length: count }, (_, g) => {
    const [a, b, c] = [scales[g * 3] as number, scales[g * 3 + 1] as number, scales[g * 3 + 2] as number];
    return a * b * c * (opacities[g] as number);
  });
  const order = Array.from({ length: count }, (_, g) => g).sort(
    (a, b) => (weight[b] as number) - (weight[a] as number) || a - b,
  );
  const file = new Uint8Array(count * SPLAT_BYTES);
  const view = new DataView(file.buffer);
  order.forEach((g, i) => {
    const at = i * SPLAT_BYTES;
    turnedPosition(gaussians, g).forEach((value, k) => {
      view.setFloat32(at + k * 4, value, true);
    });
    for (let k = 0; k < 3; k++) view.setFloat32(at + 12 + k * 4, scales[g * 3 + k] as number, true);
    for (let k = 0; k < 3; k++) file[at + 24 + k] = byte((0.5 + SH_C0 * (sh0[g * 3 + k] as number)) * 255);
    file[at + 27] = byte((opacities[g] as number) * 255);
    turnedQuaternion(gaussians, g).forEach((value, k) => {
      file[at + 28 + k] = byte(value * 128 + 128);
    });
  });
  return file;
}

function byte(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}
