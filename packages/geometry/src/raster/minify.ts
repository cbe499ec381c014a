/** Textures that are finer than the picture are shrunk before they are sampled: else they flicker and grain. */

import type { Image } from '../bake/image.ts';
import { crossProduct } from '../mesh/topology.ts';
import type { RenderableMesh } from './render.ts';
import { toLinear, toSrgb } from './srgb.ts';

/** Charts keep apart to this mip level. */
const MAX_HALVINGS = 3;

/** The mesh with textures that are about as fine as `samplesPerUnit` samples along a world unit, or coarser. */
export function minified<T extends RenderableMesh>(mesh: T, samplesPerUnit: number): T {
  const { baseColor, normalMap } = mesh;
  if (baseColor === undefined) return mesh;
  const ratio = texelsPerUnit(mesh, baseColor) / samplesPerUnit;
  const halvings = Math.min(MAX_HALVINGS, Math.max(0, Math.round(Math.log2(ratio))));
  return {
    ...mesh,
    baseColor: halved(baseColor, halvings, true),
    ...(normalMap !== undefined && { normalMap: halved(normalMap, halvings, false) }),
  };
}

/** Square root of texels per area of the surface. */
function texelsPerUnit({ positions, indices, uvs }: RenderableMesh, image: Image): number {
  let [surface, chart] = [0, 0];
  for (let i = 0; uvs !== undefined && i < indices.length; i += 3) {
    surface += Math.hypot(...crossProduct(positions, indices, i));
    const [a, b, c] = [0, 1, 2].map((k) => (indices[i + k] as number) * 2) as [number, number, number];
    const [ax, ay] = [uvs[a] as number, uvs[a + 1] as number];
    const [ux, uy] = [(uvs[b] as number) - ax, (uvs[b + 1] as number) - ay];
    const [vx, vy] = [(uvs[c] as number) - ax, (uvs[c + 1] as number) - ay];
    chart += Math.abs(ux * vy - uy * vx);
  }
  return surface === 0 ? 0 : Math.sqrt((chart / surface) * image.width * image.height);
}

/** Means of two by two pixels, `times` times; light is averaged, not its sRGB code, in images of colours. */
function halved(image: Image, times: number, isColor: boolean): Image {
  if (times === 0 || image.width < 2 || image.height < 2) return image;
  const [width, height] = [image.width >> 1, image.height >> 1];
  const { channels, data } = image;
  const result = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const linear = isColor && c < 3;
        let sum = 0;
        for (let k = 0; k < 4; k++) {
          const value = data[((y * 2 + (k >> 1)) * image.width + x * 2 + (k & 1)) * channels + c] as number;
          sum += linear ? (LINEAR[value] as number) : value;
        }
        result[(y * width + x) * channels + c] = Math.round(linear ? 255 * toSrgb(sum / 4) : sum / 4);
      }
    }
  }
  return halved({ width, height, channels, data: result }, times - 1, isColor);
}

const LINEAR = Float64Array.from({ length: 256 }, (_, value) => toLinear(value / 255));
