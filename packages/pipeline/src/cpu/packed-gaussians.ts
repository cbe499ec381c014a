/** Gaussians as checkpoints hold them: 16-bit floats but for the positions. */
import type { Gaussians } from '@espalier/geometry';
import { halfToFloat } from '@espalier/tensors';

export interface PackedGaussians {
  readonly positions: Float32Array;
  readonly sh0: Uint16Array;
  readonly scales: Uint16Array;
  readonly rotations: Uint16Array;
  readonly opacities: Uint16Array;
}

export function unpackGaussians({ positions, ...halves }: PackedGaussians): Gaussians {
  return {
    count: positions.length / 3,
    positions,
    sh0: halfToFloat(halves.sh0),
    scales: halfToFloat(halves.scales),
    rotations: halfToFloat(halves.rotations),
    opacities: halfToFloat(halves.opacities),
  };
}
