/** Preview pictures of an asset. */

import type { Image } from '../bake/image.ts';
import { subtract, viewOf } from './camera.ts';
import { fittingCameras } from './fit-camera.ts';
import { minified } from './minify.ts';
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
const ELEVATION = 22 * DEGREE;
/** A sixth of the picture, as the distance up to which surfaces shade each other. */
const SHADE_REACH = 1 / 6;

/** The mesh from a little above and to the right, filling the picture. */
export function renderPreview(mesh: RenderableMesh, options: PreviewOptions = {}): Image {
  const { size = 512, azimuth = 35 * DEGREE, ...rest } = options;
  return joinImages(pictures(mesh, [azimuth], { ...rest, size }));
}

/** `frames` previews from all around, side by side; the mesh keeps its size through all of them. */
export function renderTurntable(mesh: RenderableMesh, frames: number, options: PreviewOptions = {}): Image {
  const { size = 256, azimuth = 0, ...rest } = options;
  const azimuths = Array.from({ length: frames }, (_, i) => azimuth + (i / frames) * 2 * Math.PI);
  return joinImages(pictures(mesh, azimuths, { ...rest, size }));
}

function pictures(
  mesh: RenderableMesh,
  azimuths: readonly number[],
  options: Omit<PreviewOptions, 'azimuth'> & { readonly size: number },
): Image[] {
  const { size, elevation = ELEVATION, supersample = 3, ...rest } = options;
  const cameras = fittingCameras(mesh.positions, azimuths, elevation);
  // World units along each picture's edge, at the middle of the mesh.
  const [extent = 1] = cameras.map((camera) => {
    return (2 * Math.hypot(...subtract(camera.target, camera.eye))) / viewOf(camera).focal;
  });
  const isWired = options.wireframe === true;
  const shown = minified(mesh, (size * (isWired ? supersample : 1)) / extent);
  return cameras.map((camera) =>
    renderMesh(shown, {
      occlusionRadius: extent * SHADE_REACH,
      // Lines are thinner than pixels.
      shadePer: isWired ? 'sample' : 'pixel',
      ...rest,
      supersample,
      camera,
      width: size,
      height: size,
    }),
  );
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
