/** GPU textures: Basis Universal in KTX2 files, mip levels included. */

import { Worker } from 'node:worker_threads';
import { TerminalError } from '@espalier/contracts';
import { KHR_DF_PRIMARIES_UNSPECIFIED } from 'ktx-parse';
import type { Image } from '../bake/image.ts';

/** The encoder takes no more than 12 Mi texels. */
const MAX_SIZE = 3544;

interface Ktx2Request {
  readonly size: number;
  readonly rgba: Uint8Array;
  readonly isNormalMap: boolean;
}

/**
 * ETC1S for colours in sRGB, UASTC with Zstandard for normal maps. The result is square; its edge is the image's, cut to
 * a multiple of four, which KHR_texture_basisu demands, and to 3,544 pixels, the most that the encoder takes.
 *
 * @throws TerminalError KTX2_FAILED with what the encoder says
 */
export async function encodeKtx2(image: Image, isNormalMap: boolean): Promise<Uint8Array> {
  const { width, height, channels, data } = image;
  const size = Math.min(MAX_SIZE, Math.max(4, width - (width % 4)));
  const { default: sharp } = await import('sharp');
  const pixels = sharp(data, { raw: { width, height, channels } }).ensureAlpha();
  const rgba = await (size === width ? pixels : pixels.resize(size, size)).raw().toBuffer();
  const request: Ktx2Request = { size, rgba: new Uint8Array(rgba), isNormalMap };
  const thread = new Worker(new URL('./ktx2-thread.mjs', import.meta.url), {
    workerData: request,
    execArgv: [],
    stdout: true,
    stderr: true,
  });
  try {
    const file = await new Promise<Uint8Array>((resolve, reject) => {
      const fail = (cause: unknown) =>
        reject(new TerminalError('the texture could not be encoded as KTX2', { code: 'KTX2_FAILED', cause }));
      thread.once('message', resolve);
      thread.once('error', fail);
      thread.once('exit', (code) => fail(new Error(`the encoder ended with code ${code}`)));
    });
    if (isNormalMap) file[primariesAt(file)] = KHR_DF_PRIMARIES_UNSPECIFIED;
    return file;
  } finally {
    thread.removeAllListeners('exit');
    await thread.terminate();
  }
}

/**
 * Where a file says whose colours it holds: normals are none, though the encoder writes BT.709 for every image. KTX2
 * specification 3.2 (the header's index) and Khronos Data Format Specification 1.3, section 5 (basic block).
 */
function primariesAt(file: Uint8Array): number {
  const descriptor = new DataView(file.buffer, file.byteOffset, file.byteLength).getUint32(48, true);
  return descriptor + 13;
}
