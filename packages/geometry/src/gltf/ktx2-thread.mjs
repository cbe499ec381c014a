/**
 * Worker thread that encodes one image as KTX2: the encoder writes to standard output, which belongs to the program,
 * and keeps its memory for good. Plain JavaScript, so that it starts at once.
 *
 * Takes a `Ktx2Request` as worker data and posts the file's bytes (see `encode-ktx2.ts`).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { encodeToKTX2 } from 'ktx2-encoder';

const { size, rgba, isNormalMap } = workerData;
const file = await encodeToKTX2(new Uint8Array(0), {
  imageDecoder: async () => ({ width: size, height: size, data: rgba }),
  isKTX2File: true,
  generateMipmap: true,
  isSetKTX2SRGBTransferFunc: !isNormalMap,
  isPerceptual: !isNormalMap,
  isNormalMap,
  // ETC1S is small and good enough for colours; normals need the finer UASTC.
  isUASTC: isNormalMap,
  needSupercompression: isNormalMap,
  uastcLDRQualityLevel: 1,
  qualityLevel: 192,
  compressionLevel: 2,
});
parentPort?.postMessage(file);
