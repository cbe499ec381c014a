/**
 * The header of a safetensors file: 8 bytes of little-endian length, then that much JSON, then the data.
 *
 * Checked as strictly as the reference reader does (https://huggingface.co/docs/safetensors, "Format"): known
 * dtypes, shape times dtype equal to the bytes, and tensors that cover the data without overlap, gap or rest.
 * The file is untrusted: keys like `__proto__` go into maps, never into plain objects.
 */
import { z } from 'zod';
import { BYTES_PER_ELEMENT, type Dtype } from '../tensor.ts';
import { findDuplicateKey } from './duplicate-key.ts';
import { invalidFile } from './errors.ts';

/** The limit of the reference reader. The header of a 4 GB checkpoint has some 100 kB. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes of the length field in front of the header. */
export const LENGTH_BYTES = 8;

/** Where one tensor lies in its file. */
export interface SafetensorsEntry {
  readonly key: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Absolute position in the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** By key, in the order of the header. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

const metadataSchema = z.record(z.string(), z.string());
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/**
 * Length of the header, from the first 8 bytes of a file.
 * @throws TerminalError `SAFETENSORS_INVALID` when it is over the limit or runs past the end of the file.
 */
export function parseHeaderLength(start: Uint8Array, fileBytes: number, file: string): number {
  if (start.byteLength < LENGTH_BYTES) {
    throw invalidFile(file, 'header', `the file is truncated: ${fileBytes} bytes, fewer than the 8 of a header length`);
  }
  const length = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw invalidFile(file, 'header', `header length ${length} is over the limit of ${MAX_HEADER_BYTES} bytes`);
  }
  if (LENGTH_BYTES + Number(length) > fileBytes) {
    throw invalidFile(file, 'header', `header length ${length} runs past the end of the file (${fileBytes} bytes)`);
  }
  return Number(length);
}

/**
 * @param json The header without its length field.
 * @param fileBytes Size of the whole file.
 * @throws TerminalError `SAFETENSORS_INVALID` naming the file and the tensor or part at fault.
 */
export function parseHeader(json: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  const header = parseJsonObject(json, file);
  const dataStart = LENGTH_BYTES + json.byteLength;
  const entries = new Map<string, SafetensorsEntry>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const [key, value] of Object.entries(header)) {
    if (key === '__metadata__') {
      metadata = parseMetadata(value, file);
    } else {
      entries.set(key, parseEntry(key, value, dataStart, file));
    }
  }
  assertCovered([...entries.values()], dataStart, fileBytes, file);
  return { metadata, entries };
}

function parseJsonObject(json: Uint8Array, file: string): object {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidFile(file, 'header', `is not JSON (${cause instanceof Error ? cause.message : cause})`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidFile(file, 'header', 'is JSON, but not an object');
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw invalidFile(file, duplicate, 'this key occurs twice in the header');
  }
  return value;
}

function parseMetadata(value: unknown, file: string): Readonly<Record<string, string>> {
  const parsed = metadataSchema.safeParse(value);
  if (!parsed.success) {
    throw invalidFile(file, '__metadata__', 'must map strings to strings', parsed.error);
  }
  return parsed.data;
}

function parseEntry(key: string, value: unknown, dataStart: number, file: string): SafetensorsEntry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    const problem = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'entry'}: ${issue.message}`);
    throw invalidFile(file, key, problem.join('; '), parsed.error);
  }
  const { shape, data_offsets: offsets } = parsed.data;
  const dtype = parsed.data.dtype;
  if (!isDtype(dtype)) {
    throw invalidFile(file, key, `dtype '${dtype}' is not one of ${Object.keys(BYTES_PER_ELEMENT).join(', ')}`);
  }
  const [begin, end] = offsets;
  if (end < begin) {
    throw invalidFile(file, key, `data_offsets [${begin}, ${end}] end before they begin`);
  }
  const needed = shape.reduce((product, extent) => product * BigInt(extent), BigInt(BYTES_PER_ELEMENT[dtype]));
  if (needed !== BigInt(end - begin)) {
    throw invalidFile(
      file,
      key,
      `${dtype} of shape [${shape}] needs ${needed} bytes, data_offsets [${begin}, ${end}] hold ${end - begin}`,
    );
  }
  return { key, dtype, shape, offset: dataStart + begin, byteLength: end - begin };
}

function isDtype(dtype: string): dtype is Dtype {
  return Object.hasOwn(BYTES_PER_ELEMENT, dtype);
}

function assertCovered(entries: SafetensorsEntry[], dataStart: number, fileBytes: number, file: string): void {
  entries.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let position = dataStart;
  let before = 'header';
  for (const { key, offset, byteLength } of entries) {
    if (offset < position) {
      throw invalidFile(file, key, `its data overlap those of '${before}'`);
    }
    if (offset > position) {
      throw invalidFile(file, key, `a gap of ${offset - position} bytes lies between '${before}' and it`);
    }
    position += byteLength;
    before = key;
    if (position > fileBytes) {
      const beyond = `its data end at byte ${position}, the file at ${fileBytes}`;
      throw invalidFile(file, key, `${beyond}: truncated file or wrong data_offsets`);
    }
  }
  if (position < fileBytes) {
    throw invalidFile(file, before, `${fileBytes - position} bytes after it belong to no tensor`);
  }
}
