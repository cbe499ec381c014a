/** Cameras that see the whole of a mesh, and as little else as can be. */

import { boundsOf } from '../mesh/topology.ts';
import { type Camera, dot, orbitCamera, type Vector3, viewOf } from './camera.ts';

const FIELD_OF_VIEW = (35 * Math.PI) / 180;
/** Share of the picture's half that stays clear at each side. */
const MARGIN = 0.06;

/**
 * One camera for each azimuth, all equally far away and equally high, for square pictures. A single one is centred on what it
 * sees; several turn round the middle of the mesh's box.
 *
 * @param azimuths radians from the front (-y) to the right
 * @param elevation radians above the horizon
 */
export function fittingCameras(positions: Float32Array, azimuths: readonly number[], elevation: number): Camera[] {
  const { min, max } = boundsOf(positions);
  const center = min.map((low, k) => (low + (max[k] as number)) / 2) as unknown as Vector3;
  const slope = Math.tan(FIELD_OF_VIEW / 2) * (1 - MARGIN);
  const views = azimuths.map((azimuth) => viewOf(orbitCamera(azimuth, elevation, FIELD_OF_VIEW)));
  // A point (x, y, z) right, up and behind the middle is seen from `distance` before it, shifted by (a, b), where
  // |x - a| and |y - b| are at most slope * (distance + z).
  const across = { low: Infinity, high: -Infinity };
  const upright = { low: Infinity, high: -Infinity };
  let nearest = 0;
  for (const { right, up, forward } of views) {
    for (let i = 0; i < positions.length; i += 3) {
      const p = [0, 1, 2].map((k) => (positions[i + k] as number) - (center[k] as number)) as unknown as Vector3;
      const [x, y, z] = [dot(p, right), dot(p, up), dot(p, forward)];
      widen(across, x, slope * z);
      widen(upright, y, slope * z);
      nearest = Math.min(nearest, z);
    }
  }
  if (views.length > 1) {
    across.high = Math.max(across.high, -across.low);
    across.low = -across.high;
  }
  const distance = Math.max(
    (across.high - across.low) / (2 * slope),
    (upright.high - upright.low) / (2 * slope),
    // Clear of the nearest point; also for a mesh that is one.
    0.01 - nearest,
  );
  const [a, b] = [(across.low + across.high) / 2, (upright.low + upright.high) / 2];
  return views.map(({ right, up, forward }) => {
    const target = center.map(
      (value, k) => value + a * (right[k] as number) + b * (up[k] as number),
    ) as unknown as Vector3;
    const eye = target.map((value, k) => value - distance * (forward[k] as number)) as unknown as Vector3;
    return { eye, target, up: [0, 0, 1], fieldOfView: FIELD_OF_VIEW };
  });
}

function widen(range: { low: number; high: number }, value: number, reach: number): void {
  range.low = Math.min(range.low, value + reach);
  range.high = Math.max(range.high, value - reach);
}
