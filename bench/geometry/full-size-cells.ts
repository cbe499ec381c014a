/**
 * Cells as the mesh decoder gives them at the size of the published model: 256^3, 1.3 million of them active, in a band
 * around a bumpy sphere; weights, deformations and colours drawn at random.
 */
import { FEATURE_CHANNELS, type SparseVoxels } from '@espalier/geometry';

const RESOLUTION = 256;
const BAND = 4.55 / RESOLUTION;

function distance(x: number, y: number, z: number): number {
  return Math.hypot(x, y, z) - 0.42 - 0.02 * (Math.sin(23 * x) + Math.sin(19 * y) + Math.sin(29 * z));
}

export function fullSizeCells(): SparseVoxels {
  const cells: number[] = [];
  for (let x = 0; x < RESOLUTION; x++) {
    for (let y = 0; y < RESOLUTION; y++) {
      for (let z = 0; z < RESOLUTION; z++) {
        const [wx, wy, wz] = [x, y, z].map((v) => (v + 0.5) / RESOLUTION - 0.5) as [number, number, number];
        if (Math.abs(distance(wx, wy, wz)) < BAND) cells.push(x, y, z);
      }
    }
  }
  const coords = Int32Array.from(cells);
  const voxels = coords.length / 3;
  const features = new Float32Array(voxels * FEATURE_CHANNELS);
  let state = 1;
  for (let i = 0; i < voxels; i++) {
    const base = i * FEATURE_CHANNELS;
    for (let corner = 0; corner < 8; corner++) {
      const at = (axis: number) => ((coords[i * 3 + axis] as number) + ((corner >> axis) & 1)) / RESOLUTION - 0.5;
      features[base + corner] = (distance(at(0), at(1), at(2)) * RESOLUTION) / 3 + 1 / RESOLUTION;
    }
    for (let k = 8; k < FEATURE_CHANNELS; k++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      features[base + k] = (state >>> 8) / 2 ** 24 - 0.5;
    }
  }
  return { coords, features, resolution: RESOLUTION };
}
