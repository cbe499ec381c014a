/** What KHR_texture_basisu demands of a KTX2 file, section "KTX v2 Images with Basis Universal Supercompression". */
import {
  KHR_DF_FLAG_ALPHA_PREMULTIPLIED,
  KHR_DF_MODEL_ETC1S,
  KHR_DF_MODEL_UASTC,
  KHR_DF_PRIMARIES_BT709,
  KHR_DF_PRIMARIES_UNSPECIFIED,
  KHR_DF_TRANSFER_LINEAR,
  KHR_DF_TRANSFER_SRGB,
  KHR_SUPERCOMPRESSION_BASISLZ,
  KHR_SUPERCOMPRESSION_NONE,
  KHR_SUPERCOMPRESSION_ZSTD,
  type KTX2Container,
  read,
  VK_FORMAT_UNDEFINED,
} from 'ktx-parse';

/** Colours are sRGB, everything else (normals, roughness, ...) is linear. */
export type TextureRole = 'color' | 'data';

export interface Ktx2Use {
  /** Roles of the textures that show the image. */
  readonly roles: ReadonlySet<TextureRole>;
  /** Whether a sampler looks at its mip levels. */
  readonly isMipmapped: boolean;
}

export interface Ktx2Fault {
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** Each model's schemes of supercompression, and the channels that its samples may be: RGB, or RGBA. */
const MODELS: Readonly<Record<number, { readonly schemes: readonly number[]; readonly samples: readonly string[] }>> = {
  [KHR_DF_MODEL_ETC1S]: { schemes: [KHR_SUPERCOMPRESSION_BASISLZ], samples: ['0', '0,15'] },
  [KHR_DF_MODEL_UASTC]: { schemes: [KHR_SUPERCOMPRESSION_NONE, KHR_SUPERCOMPRESSION_ZSTD], samples: ['0', '3'] },
};

const COLOR_SPACES = {
  color: { transfer: KHR_DF_TRANSFER_SRGB, primaries: KHR_DF_PRIMARIES_BT709, name: 'sRGB with primaries of BT.709' },
  data: {
    transfer: KHR_DF_TRANSFER_LINEAR,
    primaries: KHR_DF_PRIMARIES_UNSPECIFIED,
    name: 'linear with unspecified primaries',
  },
} as const;

/** @returns the first fault of each severity, errors first */
export function judgeKtx2(file: Uint8Array, use: Ktx2Use): Ktx2Fault[] {
  const message = errorOf(file, use);
  if (message !== undefined) return [{ severity: 'error', message }];
  const { levels, ...rest } = read(file.slice());
  const full = fullPyramid(rest);
  if (!use.isMipmapped || levels.length === full) return [];
  return [{ severity: 'warning', message: `it has ${levels.length} mip levels instead of ${full}` }];
}

function errorOf(file: Uint8Array, { roles }: Ktx2Use): string | undefined {
  let container: KTX2Container;
  try {
    // A copy: a level beyond its end would else be read from what stands behind it in the GLB.
    container = read(file.slice());
  } catch (error) {
    return `not a KTX2 file: ${error instanceof Error ? error.message : error}`;
  }
  const { pixelWidth: width, pixelHeight: height, levels, dataFormatDescriptor, keyValue } = container;
  const descriptor = dataFormatDescriptor[0];
  const model = descriptor && MODELS[descriptor.colorModel];
  if (container.vkFormat !== VK_FORMAT_UNDEFINED || descriptor === undefined || model === undefined) {
    return 'its payload is not Basis Universal';
  }
  if (!model.schemes.includes(container.supercompressionScheme)) return 'its supercompression is not that of its model';
  const samples = descriptor.samples.map(({ channelType }) => channelType & 15).join();
  if (!model.samples.includes(samples)) return `its channels are ${samples} instead of RGB or RGBA`;
  if (container.pixelDepth !== 0 || container.layerCount !== 0 || container.faceCount !== 1) {
    return 'it is no single two-dimensional image';
  }
  if (width === 0 || height === 0 || width % 4 !== 0 || height % 4 !== 0) {
    return `${width} x ${height} is no multiple of four`;
  }
  if (levels.length > fullPyramid(container)) return `${levels.length} mip levels are too many`;
  if (levels.some(({ levelData }) => levelData.length === 0)) return 'a mip level has no bytes';
  if ((descriptor.flags & KHR_DF_FLAG_ALPHA_PREMULTIPLIED) !== 0) return 'its alpha is premultiplied';
  for (const role of roles) {
    const { transfer, primaries, name } = COLOR_SPACES[role];
    if (descriptor.transferFunction !== transfer || descriptor.colorPrimaries !== primaries) {
      return `a texture of ${role === 'color' ? 'colours' : 'data'} must be ${name}`;
    }
  }
  for (const [key, only] of Object.entries({ KTXswizzle: 'rgba', KTXorientation: 'rd' })) {
    const value = keyValue[key];
    if (value !== undefined && value !== only) return `its ${key} is '${value}' instead of '${only}'`;
  }
  return undefined;
}

function fullPyramid({ pixelWidth, pixelHeight }: Pick<KTX2Container, 'pixelWidth' | 'pixelHeight'>): number {
  return Math.floor(Math.log2(Math.max(pixelWidth, pixelHeight))) + 1;
}
