import { WebIO } from '@gltf-transform/core';
import { KHRTextureBasisu } from '@gltf-transform/extensions';
import { describe, expect, it } from 'vitest';
import { decodeKtx2 } from '../../test/decode-ktx2.ts';
import type { Image } from '../bake/image.ts';
import { encodeKtx2 } from './encode-ktx2.ts';
import { exportGlb } from './export-glb.ts';
import { validateGlb } from './validate-glb.ts';

/** A soft slope in all colours. */
function slope(size: number): Image {
  const data = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i++) {
    data.set([40 + Math.round((180 * (i % size)) / size), 60 + Math.round((150 * i) / (size * size)), 90], i * 3);
  }
  return { width: size, height: size, channels: 3, data };
}

/** A gentle bump: unit normals around (0, 0, 1). */
function bump(size: number): Image {
  const data = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [0.3 * Math.sin(i % size), 0.3 * Math.cos(i / size)];
    data.set(
      [x, y, Math.sqrt(1 - x * x - y * y)].map((value) => Math.round(value * 127.5 + 127.5)),
      i * 3,
    );
  }
  return { width: size, height: size, channels: 3, data };
}

/** A square with both images; encoding them takes a while. */
const squares = new Map<number, Promise<Uint8Array>>();
async function square(size: number): Promise<Uint8Array> {
  const made = squares.get(size) ?? makeSquare(size);
  squares.set(size, made);
  return (await made).slice();
}

async function makeSquare(size: number): Promise<Uint8Array> {
  const positions = new Float32Array([0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1]);
  return exportGlb({
    texture: 'ktx2',
    mesh: {
      positions,
      indices: new Uint32Array([0, 1, 2, 0, 2, 3]),
      normals: new Float32Array([0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0]),
      tangents: new Float32Array([1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]),
      uvs: new Float32Array([0, 1, 1, 1, 1, 0, 0, 0]),
      source: new Uint32Array([0, 1, 2, 3]),
      baseColor: slope(size),
      normalMap: bump(size),
    },
  });
}

/** Root mean square of the differences in the first three of four channels. */
function difference({ data }: Image, rgba: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    sum += ((data[i] as number) - (rgba[Math.floor(i / 3) * 4 + (i % 3)] as number)) ** 2;
  }
  return Math.sqrt(sum / data.length);
}

describe('encodeKtx2', () => {
  it.each([
    ['colours', slope(64), false, 4],
    ['normals', bump(64), true, 8],
  ] as const)('keeps %s', async (_name, image, isNormalMap, bound) => {
    const { width, height, rgba } = await decodeKtx2(await encodeKtx2(image, isNormalMap));
    expect([width, height]).toEqual([64, 64]);
    expect(difference(image, rgba)).toBeLessThan(bound);
  });

  it('cuts edges to a multiple of four', async () => {
    const document = await new WebIO().registerExtensions([KHRTextureBasisu]).readBinary(await square(66));
    for (const image of document.getRoot().listTextures()) expect(image.getSize()).toEqual([64, 64]);
  });
});

describe('validateGlb, on KTX2 images', () => {
  /** Fields of the header and, from `dfd` on, of the basic descriptor block. */
  const FIELDS = { format: 12, width: 20, depth: 28, layers: 32, faces: 36, levels: 40, scheme: 44 } as const;
  const DESCRIPTOR = { model: 12, primaries: 13, transfer: 14, flags: 15, channel: 31 } as const;
  type Field = keyof typeof FIELDS | keyof typeof DESCRIPTOR;

  /** Places of the base colour's and the normal map's file. */
  function filesIn(glb: Uint8Array): [number, number] {
    const bytes = Buffer.from(glb.buffer, glb.byteOffset, glb.byteLength);
    const identifier = Buffer.from([0xab, 0x4b, 0x54, 0x58]);
    const first = bytes.indexOf(identifier);
    return [first, bytes.indexOf(identifier, first + 4)];
  }

  async function broken(image: 0 | 1, field: Field, value: number) {
    const glb = await square(64);
    const at = filesIn(glb)[image];
    const descriptor = at + new DataView(glb.buffer).getUint32(at + 48, true);
    const fields = { ...FIELDS, ...DESCRIPTOR };
    glb[(field in FIELDS ? at : descriptor) + fields[field]] = value;
    return validateGlb(glb);
  }

  it('finds nothing in what is written here', async () => {
    for (const size of [64, 66, 128]) {
      expect(await validateGlb(await square(size))).toMatchObject({ errors: 0, warnings: 0 });
    }
  });

  it.each<[0 | 1, Field, number, string]>([
    [0, 'format', 37, 'its payload is not Basis Universal'],
    [0, 'model', 1, 'its payload is not Basis Universal'],
    [0, 'scheme', 2, 'its supercompression is not that of its model'],
    [1, 'scheme', 1, 'its supercompression is not that of its model'],
    [1, 'channel', 4, 'its channels are 4 instead of RGB or RGBA'],
    [0, 'width', 62, '62 x 64 is no multiple of four'],
    [1, 'depth', 1, 'it is no single two-dimensional image'],
    [1, 'layers', 1, 'it is no single two-dimensional image'],
    [1, 'faces', 6, 'it is no single two-dimensional image'],
    [0, 'flags', 1, 'its alpha is premultiplied'],
    [0, 'transfer', 1, 'a texture of colours must be sRGB with primaries of BT.709'],
    [0, 'primaries', 0, 'a texture of colours must be sRGB with primaries of BT.709'],
    [1, 'transfer', 2, 'a texture of data must be linear with unspecified primaries'],
    [1, 'primaries', 1, 'a texture of data must be linear with unspecified primaries'],
  ])('image %i with another %s (%i): %s', async (image, field, value, message) => {
    const report = await broken(image, field, value);
    expect(report).toMatchObject({ errors: 1, warnings: 0 });
    expect(report.messages[0]).toMatchObject({ code: 'KTX2_INVALID', severity: 'error', pointer: `/images/${image}` });
    expect(report.messages[0]?.message).toBe(message);
  });

  it('finds what is no KTX2 file, and one that ends too early', async () => {
    const none = await square(64);
    none[filesIn(none)[0]] = 0;
    expect((await validateGlb(none)).messages[0]?.message).toMatch(/^not a KTX2 file/);
    const short = await square(64);
    // The length of the normal map's first level: two numbers of 64 bits for each level follow the header.
    new DataView(short.buffer).setUint32(filesIn(short)[1] + 80 + 8, 1 << 28, true);
    const report = await validateGlb(short);
    expect(report).toMatchObject({ errors: 1 });
    expect(report.messages[0]).toMatchObject({ code: 'KTX2_INVALID', pointer: '/images/1' });
  });

  it('warns of missing mip levels that a sampler looks at', async () => {
    const report = await broken(1, 'levels', 1);
    expect(report).toMatchObject({ errors: 0, warnings: 1 });
    expect(report.messages[0]).toMatchObject({ severity: 'warning', message: 'it has 1 mip levels instead of 7' });
  });

  it('judges an image by what shows it: swapped textures are both of the wrong kind', async () => {
    const glb = await square(64);
    const json = new DataView(glb.buffer, glb.byteOffset).getUint32(12, true);
    const text = new TextDecoder().decode(glb.subarray(20, 20 + json));
    const other = text
      .replace('"baseColorTexture":{"index":0', '"baseColorTexture":{"index":9')
      .replace('"normalTexture":{"index":1', '"normalTexture":{"index":0')
      .replace('"index":9', '"index":1');
    expect(other).not.toBe(text);
    glb.set(new TextEncoder().encode(other), 20);
    const report = await validateGlb(glb);
    expect(report).toMatchObject({ errors: 2, warnings: 0 });
    expect(report.messages.slice(0, 2).map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      'KTX2_INVALID /images/0',
      'KTX2_INVALID /images/1',
    ]);
  });

  it('leaves the validator its say on an image that a texture names without the extension', async () => {
    const glb = await square(64);
    const json = new DataView(glb.buffer, glb.byteOffset).getUint32(12, true);
    const text = new TextDecoder().decode(glb.subarray(20, 20 + json));
    const named = text.replace('"extensions":{"KHR_texture_basisu":{"source":1}}', '"source":1');
    expect(named).not.toBe(text);
    glb.set(new TextEncoder().encode(named.padEnd(text.length)), 20);
    const codes = (await validateGlb(glb)).messages.map(({ code, pointer }) => `${code} ${pointer}`);
    expect(codes).toContain('VALUE_NOT_IN_LIST /images/1/mimeType');
  });
});
