/**
 * The Khronos validator does not know KHR_texture_basisu: it says so, and then warns of every KTX2 image that it is
 * none of the kinds it knows. In place of these warnings stand the demands of that extension, looked at here.
 */

import type { GlbMessage } from './glb-message.ts';

interface Layout {
  readonly extensionsUsed?: readonly string[];
  readonly images?: readonly { readonly mimeType?: string; readonly bufferView?: number }[];
  readonly bufferViews?: readonly { readonly byteOffset?: number; readonly byteLength: number }[];
}

/** «KTX 20»\r\n\x1A\n */
const IDENTIFIER = [0xab, 0x4b, 0x54, 0x58, 0x20, 0x32, 0x30, 0xbb, 0x0d, 0x0a, 0x1a, 0x0a];
/** KTX2 specification 3.1: VK_FORMAT_UNDEFINED stands for a Basis Universal payload. */
const UNDEFINED_FORMAT = 0;
/** None (UASTC), BasisLZ (ETC1S) and Zstandard (UASTC). */
const SCHEMES: ReadonlySet<number> = new Set([0, 1, 2]);

/** @param glb found to be binary glTF by the validator */
export function judgeKtx2Images(glb: Uint8Array, messages: readonly GlbMessage[]): GlbMessage[] {
  const view = new DataView(glb.buffer, glb.byteOffset, glb.byteLength);
  const json = view.getUint32(12, true);
  const layout = JSON.parse(new TextDecoder().decode(glb.subarray(20, 20 + json))) as Layout;
  const images = layout.images ?? [];
  const numbers = images.flatMap(({ mimeType }, i) => (mimeType === 'image/ktx2' ? [i] : []));
  if (!layout.extensionsUsed?.includes('KHR_texture_basisu')) return [...messages];
  const unknown = new Set(
    numbers.flatMap((i) => [`VALUE_NOT_IN_LIST /images/${i}/mimeType`, `IMAGE_UNRECOGNIZED_FORMAT /images/${i}`]),
  );
  const others = messages.filter(({ code, pointer }) => !unknown.has(`${code} ${pointer}`));
  const faults = numbers.flatMap((i): GlbMessage[] => {
    const part = layout.bufferViews?.[images[i]?.bufferView ?? -1];
    const start = 20 + json + 8 + (part?.byteOffset ?? 0);
    const message = part && faultOf(glb.subarray(start, start + part.byteLength));
    if (part !== undefined && message === undefined) return [];
    return [{ code: 'KTX2_INVALID', message: message ?? 'no bytes', severity: 'error', pointer: `/images/${i}` }];
  });
  return [...faults, ...others];
}

/** KTX2 specification 3 (header), KHR_texture_basisu "KTX v2 images with Basis Universal supercompression". */
function faultOf(file: Uint8Array): string | undefined {
  if (file.length < 80 || IDENTIFIER.some((byte, i) => file[i] !== byte)) return 'not a KTX2 file';
  const header = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const field = (at: number) => header.getUint32(at, true);
  const [width, height, depth, layers, faces, levels, scheme] = [20, 24, 28, 32, 36, 40, 44].map(field) as number[];
  if (field(12) !== UNDEFINED_FORMAT || !SCHEMES.has(scheme ?? -1)) return 'its payload is not Basis Universal';
  if (depth !== 0 || layers !== 0 || faces !== 1) return 'it is no single two-dimensional image';
  if (!width || !height || width % 4 !== 0 || height % 4 !== 0) return `${width} x ${height} is no multiple of four`;
  const most = Math.floor(Math.log2(Math.max(width, height))) + 1;
  if (levels !== 1 && levels !== most) return `it has ${levels} mip levels instead of 1 or ${most}`;
  return undefined;
}
