/** Image files from pixels. The same pixels give the same bytes with the same version of sharp. */

import type { Image } from '../bake/image.ts';

export type ImageFormat = 'png' | 'jpeg' | 'webp';

export interface EncodeImageOptions {
  /** 1 to 100, for JPEG and lossy WebP. Default 90. */
  readonly quality?: number;
}

export async function encodeImage(
  image: Image,
  format: ImageFormat,
  options: EncodeImageOptions = {},
): Promise<Uint8Array> {
  const { width, height, channels, data } = image;
  const { quality = 90 } = options;
  // Loaded here: threads that encode nothing start faster.
  const { default: sharp } = await import('sharp');
  const pixels = sharp(data, { raw: { width, height, channels } });
  const encoded = {
    png: () => pixels.png({ compressionLevel: 6, adaptiveFiltering: true }),
    jpeg: () => pixels.jpeg({ quality, chromaSubsampling: '4:4:4', mozjpeg: false }),
    webp: () => pixels.webp({ quality, effort: 4 }),
  }[format]();
  return new Uint8Array(await encoded.toBuffer());
}
