/**
 * Gaussians as files have them: before their activations, and turned to y down. World space becomes (x, -z, y), as
 * TRELLIS exports it: right, down, forward.
 */

import type { Gaussians } from '../gaussians.ts';

/** Keeps logits finite. */
const OPACITY_MARGIN = 1e-6;
/** Keeps logarithms finite; world units. */
const SCALE_LEAST = 1e-9;

export function turnedPosition({ positions }: Gaussians, g: number): [number, number, number] {
  const [x, y, z] = [positions[g * 3] as number, positions[g * 3 + 1] as number, positions[g * 3 + 2] as number];
  return [x, 0 - z, y];
}

/** The quaternion after the same quarter turn about x; w first. */
export function turnedQuaternion({ rotations }: Gaussians, g: number): [number, number, number, number] {
  const [w, x, y, z] = [0, 1, 2, 3].map((k) => rotations[g * 4 + k] as number) as [number, number, number, number];
  const s = Math.SQRT1_2;
  return [s * (w - x), s * (x + w), s * (y - z), s * (z + y)];
}

/** The logit, of which the opacity is the sigmoid. */
export function opacityLogit(opacity: number): number {
  const inside = Math.min(Math.max(opacity, OPACITY_MARGIN), 1 - OPACITY_MARGIN);
  return Math.log(inside / (1 - inside));
}

export function scaleLogarithm(scale: number): number {
  return Math.log(Math.max(scale, SCALE_LEAST));
}
