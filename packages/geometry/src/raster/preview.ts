/** Preview pictures of an asset. */

import type { Image } from '../bake/image.ts';
import { boundsOf } from '../mesh/topology.ts';
import { type Camera, orbitCamera } from './camera.ts';
import { type RenderableMesh, type RenderOptions, renderMesh } from './render.ts';

export interface PreviewOptions extends Omit<RenderOptions, 'camera' | 'width' | 'height'> {
  /** Pixels along one side of the square picture. Default 512. */
  readonly size?: number;
  /** Radians, 0 from the front (-y), growing to the right. Default 35 degrees. */
  readonly azimuth?: number;
  /** Radians above the horizon. Default 22 degrees. */
  readonly elevation?: number;
}

const DEGREE = Math.PI / 180;
const FIELD_OF_VIEW = 35 * DEGREE;

/** The mesh from a little above and to the right, filling the picture. */
export function renderPreview(mesh: RenderableMesh, options: PreviewOptions = {}): Image {
  const { size = 512, azimuth = 35 * DEGREE, elevation = 22 * DEGREE, ...rest } = options;
  return renderMesh(mesh, {
    ...rest,
    camera: fittingCamera(mesh.positions, azimuth, elevation),
    width: size,
    height: size,
  });
}

/** `frames` previews from all around, side by side. */
export function renderTurntable(mesh: RenderableMesh, frames: number, options: PreviewOptions = {}): Image {
  const { size = 256 } = options;
  const images = Array.from({ length: frames }, (_, i) =>
    renderPreview(mesh, { ...options, size, azimuth: (options.azimuth ?? 0) + (i / frames) * 2 * Math.PI }),
  );
  return joinImages(images);
}

/** Images of the same height and kind, side by side. */
export function joinImages(images: readonly Image[]): Image {
  const height = images[0]?.height ?? 0;
  const channels = images[0]?.channels ?? 4;
  const width = images.reduce((sum, image) => sum + image.width, 0);
  const data = new Uint8Array(width * height * channels);
  let left = 0;
  for (const image of images) {
    const row = image.width * channels;
    for (let y = 0; y < height; y++)
      data.set(image.data.subarray(y * row, (y + 1) * row), (y * width + left) * channels);
    left += image.width;
  }
  return { width, height, channels, data };
}

/** A camera that sees a sphere around all positions. */
export function fittingCamera(positions: Float32Array, azimuth: number, elevation: number): Camera {
  const { min, max } = boundsOf(positions);
  const center = min.map((low, k) => (low + (max[k] as number)) / 2) as [number, number, number];
  let radius = 0;
  for (let i = 0; i < positions.length; i += 3) {
    const [dx, dy, dz] = [0, 1, 2].map((k) => (positions[i + k] as number) - (center[k] as number)) as [
      number,
      number,
      number,
    ];
    radius = Math.max(radius, Math.hypot(dx, dy, dz));
  }
  const orbit = orbitCamera(
    azimuth,
    elevation,
    FIELD_OF_VIEW,
    (Math.max(radius, 1e-6) / Math.sin(FIELD_OF_VIEW / 2)) * 1.06,
  );
  return {
    ...orbit,
    eye: orbit.eye.map((v, k) => v + (center[k] as number)) as [number, number, number],
    target: center,
  };
}
