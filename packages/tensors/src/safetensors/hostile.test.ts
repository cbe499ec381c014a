import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TerminalError } from '@espalier/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float32 } from '../tensor.ts';
import { decodeSafetensors, encodeSafetensors } from './codec.ts';
import { SafetensorsFile } from './file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file of a header, given as JSON text, and so many bytes of data. */
function raw(header: string | Uint8Array, dataBytes = 0, length?: bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.byteLength), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (begin: number, end: number, dtype = 'F32', shape: unknown = [(end - begin) / 4]) =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

const cases: [string, Uint8Array, string, RegExp][] = [
  ['an empty file', new Uint8Array(), 'header', /truncated/],
  ['five bytes', new Uint8Array(5), 'header', /truncated/],
  ['a header past the end', raw('{}', 0, 100n), 'header', /runs past the end/],
  ['a giant header', raw('{}', 0, 2n ** 63n), 'header', /over the limit/],
  ['no JSON', raw('{"a":'), 'header', /not JSON/],
  ['no UTF-8', raw(Uint8Array.of(0x7b, 0xff, 0x7d)), 'header', /not JSON/],
  ['an array', raw('[]'), 'header', /not an object/],
  ['null', raw('null'), 'header', /not an object/],
  ['metadata of numbers', raw('{"__metadata__":{"a":1}}'), '__metadata__', /strings/],
  ['metadata as a list', raw('{"__metadata__":[]}'), '__metadata__', /strings/],
  ['an entry that is a string', raw('{"w":"x"}'), 'w', /entry/],
  ['an entry without shape', raw('{"w":{"dtype":"F32","data_offsets":[0,4]}}', 4), 'w', /shape/],
  ['an entry with more', raw('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', 4), 'w', /x/],
  ['an unknown dtype', raw(`{"w":${entry(0, 4, 'F8_E4M3', [4])}}`, 4), 'w', /F8_E4M3.*F16/],
  ['a dtype named like a method', raw(`{"w":${entry(0, 4, 'toString', [4])}}`, 4), 'w', /toString/],
  ['a negative extent', raw(`{"w":${entry(0, 4, 'F32', [-1])}}`, 4), 'w', /shape/],
  ['a fractional extent', raw(`{"w":${entry(0, 4, 'F32', [0.5])}}`, 4), 'w', /shape/],
  [
    'a shape that overflows',
    raw(`{"w":${entry(0, 0, 'F32', [2 ** 40, 2 ** 40])}}`),
    'w',
    /needs 4835703278458516698824704/,
  ],
  ['offsets that run back', raw(`{"w":${entry(8, 4, 'F32', [1])}}`, 8), 'w', /before they begin/],
  ['negative offsets', raw(`{"w":${entry(-4, 0, 'F32', [1])}}`, 8), 'w', /data_offsets/],
  ['too few bytes for the shape', raw(`{"w":${entry(0, 4, 'F32', [2])}}`, 4), 'w', /needs 8 bytes/],
  ['data past the end', raw(`{"v":${entry(0, 4)},"w":${entry(4, 12)}}`, 8), 'w', /ends? at byte \d+, the file at/],
  ['overlapping tensors', raw(`{"v":${entry(0, 8)},"w":${entry(4, 12)}}`, 12), 'w', /overlap those of 'v'/],
  ['a gap', raw(`{"v":${entry(0, 4)},"w":${entry(8, 12)}}`, 12), 'w', /gap of 4 bytes/],
  ['a gap at the start', raw(`{"w":${entry(4, 8)}}`, 8), 'w', /gap of 4 bytes/],
  ['bytes left over', raw(`{"w":${entry(0, 4)}}`, 6), 'w', /2 bytes after it/],
  ['a key twice', raw(`{"w":${entry(0, 4)},"w":${entry(0, 4)}}`, 4), 'w', /twice/],
  ['a key twice, once escaped', raw(`{"w":${entry(0, 4)}, "\\u0077" :${entry(0, 4)}}`, 4), 'w', /twice/],
  [
    'an offset field twice',
    raw('{"w":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}', 4),
    'dtype',
    /twice/,
  ],
];

describe('hostile files', () => {
  it.each(cases)('%s is refused by file and by bytes, naming file and field', async (_, bytes, field, message) => {
    const path = join(folder, 'hostile.safetensors');
    await writeFile(path, bytes);
    const errors = [await SafetensorsFile.open(path).catch((error) => error)];
    expect(() => {
      try {
        decodeSafetensors(bytes, path);
      } catch (error) {
        errors.push(error);
        throw error;
      }
    }).toThrow();
    for (const error of errors) {
      expect(error).toBeInstanceOf(TerminalError);
      expect(error.code).toBe('SAFETENSORS_INVALID');
      expect(error.field).toBe(field);
      expect(error.message).toContain(path);
      expect(error.message).toContain(`'${field}'`);
      expect(error.message).toMatch(message);
    }
  });

  it('takes __proto__ and constructor for the plain keys that they are', () => {
    const { tensors, metadata } = decodeSafetensors(
      raw(`{"__metadata__":{"constructor":"c"},"__proto__":${entry(0, 4)},"constructor":${entry(4, 8)}}`, 8),
      'x',
    );
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(metadata.constructor).toBe('c');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(decodeSafetensors(encodeSafetensors(tensors), 'y').tensors).toEqual(tensors);
  });

  it('never crashes on a damaged file: an error of its own or a valid answer', () => {
    const valid = encodeSafetensors({ a: float32([2, 3], new Float32Array(6)), b: float32([], Float32Array.of(1)) });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (edits) => {
          const bytes = valid.slice();
          for (const [position, value] of edits) bytes[position] = value;
          try {
            decodeSafetensors(bytes, 'damaged');
          } catch (error) {
            expect(error).toBeInstanceOf(TerminalError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('notices a file that shrinks after it was opened', async () => {
    const path = join(folder, 'shrinking.safetensors');
    await writeFile(path, encodeSafetensors({ w: float32([64], new Float32Array(64)) }));
    const file = await SafetensorsFile.open(path);
    await truncate(path, 200);
    await expect(file.read('w')).rejects.toThrow(/shrinking.*'w'.*too early/);
    await file.close();
  });

  it('says which file is missing, and refuses folders', async () => {
    await expect(SafetensorsFile.open(join(folder, 'absent'))).rejects.toMatchObject({
      code: 'SAFETENSORS_NOT_FOUND',
      message: expect.stringContaining(join(folder, 'absent')),
    });
    await expect(SafetensorsFile.open(folder)).rejects.toMatchObject({ code: 'SAFETENSORS_NOT_FOUND' });
  });
});
