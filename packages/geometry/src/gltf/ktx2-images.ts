/**
 * The Khronos validator does not know KHR_texture_basisu: it says so, and then warns of every KTX2 image that it is
 * none of the kinds it knows. In place of these warnings stand the demands of that extension, looked at here.
 */

import type { GlbMessage } from './glb-message.ts';
import { judgeKtx2, type Ktx2Use, type TextureRole } from './ktx2-file.ts';

interface Layout {
  readonly extensionsUsed?: readonly string[];
  readonly images?: readonly { readonly mimeType?: string; readonly bufferView?: number }[];
  readonly bufferViews?: readonly { readonly byteOffset?: number; readonly byteLength: number }[];
  readonly textures?: readonly {
    readonly source?: number;
    readonly sampler?: number;
    readonly extensions?: { readonly KHR_texture_basisu?: { readonly source?: number } };
  }[];
  readonly samplers?: readonly { readonly minFilter?: number }[];
  readonly materials?: readonly Material[];
}

interface Material {
  readonly pbrMetallicRoughness?: { readonly baseColorTexture?: Info; readonly metallicRoughnessTexture?: Info };
  readonly normalTexture?: Info;
  readonly occlusionTexture?: Info;
  readonly emissiveTexture?: Info;
}

interface Info {
  readonly index: number;
}

/** WebGL's NEAREST_MIPMAP_NEAREST; the other filters that look at mip levels follow it. */
const FIRST_MIPMAP_FILTER = 9984;

/** @param glb found to be binary glTF by the validator */
export function judgeKtx2Images(glb: Uint8Array, messages: readonly GlbMessage[]): GlbMessage[] {
  const view = new DataView(glb.buffer, glb.byteOffset, glb.byteLength);
  const json = view.getUint32(12, true);
  const layout = JSON.parse(new TextDecoder().decode(glb.subarray(20, 20 + json))) as Layout;
  const images = layout.images ?? [];
  const uses = usesOf(layout);
  const numbers = images.flatMap(({ mimeType }, i) => (mimeType === 'image/ktx2' && uses.has(i) ? [i] : []));
  if (!layout.extensionsUsed?.includes('KHR_texture_basisu')) return [...messages];
  const unknown = new Set(
    numbers.flatMap((i) => [`VALUE_NOT_IN_LIST /images/${i}/mimeType`, `IMAGE_UNRECOGNIZED_FORMAT /images/${i}`]),
  );
  const others = messages.filter(({ code, pointer }) => !unknown.has(`${code} ${pointer}`));
  const faults = numbers.flatMap((i): GlbMessage[] => {
    const part = layout.bufferViews?.[images[i]?.bufferView ?? -1];
    const start = 20 + json + 8 + (part?.byteOffset ?? 0);
    const bytes = glb.subarray(start, start + (part?.byteLength ?? 0));
    return judgeKtx2(bytes, uses.get(i) as Ktx2Use).map((fault) => ({
      code: 'KTX2_INVALID',
      pointer: `/images/${i}`,
      ...fault,
    }));
  });
  return [...faults, ...others];
}

/** How images are used, by their numbers: those that textures name by the extension, and by it alone. */
function usesOf({ textures = [], samplers = [], materials = [] }: Layout): Map<number, Ktx2Use> {
  const rolesOf = new Map<number, Set<TextureRole>>();
  const note = (info: Info | undefined, role: TextureRole) => {
    if (info !== undefined) rolesOf.set(info.index, (rolesOf.get(info.index) ?? new Set()).add(role));
  };
  for (const { pbrMetallicRoughness, normalTexture, occlusionTexture, emissiveTexture } of materials) {
    note(pbrMetallicRoughness?.baseColorTexture, 'color');
    note(emissiveTexture, 'color');
    for (const info of [pbrMetallicRoughness?.metallicRoughnessTexture, normalTexture, occlusionTexture]) {
      note(info, 'data');
    }
  }
  const uses = new Map<number, Ktx2Use>();
  textures.forEach(({ sampler, extensions }, texture) => {
    const image = extensions?.KHR_texture_basisu?.source;
    if (image === undefined) return;
    const before = uses.get(image);
    const filter = samplers[sampler ?? -1]?.minFilter;
    uses.set(image, {
      roles: new Set([...(before?.roles ?? []), ...(rolesOf.get(texture) ?? [])]),
      isMipmapped: before?.isMipmapped === true || filter === undefined || filter >= FIRST_MIPMAP_FILTER,
    });
  });
  for (const { source } of textures) if (source !== undefined) uses.delete(source);
  return uses;
}
