/** What the evaluation reads from `models/starter/eval/`; written there by `training/make_eval.py`. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';

export const MODEL = new URL('../../models/starter/', import.meta.url);

const Caption = z.object({
  caption: z.string(),
  category: z.string(),
  /** Name of the main colour, absent where the caption names none. */
  colour: z.string().nullable(),
  material: z.string().nullable(),
  /** Colour of each part that the caption names. */
  parts: z.record(z.string(), z.string()),
  words: z.array(z.string()),
  /** Whether the category is made of one piece. */
  one_component: z.boolean(),
});
export type Caption = z.infer<typeof Caption>;

const Index = z.object({
  resolution: z.literal(32),
  bytes_per_object: z.literal(4096),
  categories: z.array(z.string()),
});

/** Occupancies of 32^3 voxels, one bit each, voxel (x * 32 + y) * 32 + z, least significant bit first. */
export interface Occupancies {
  readonly categories: readonly string[];
  /** 1,024 words an object. */
  readonly bits: Uint32Array;
}

const Rgb = z.tuple([z.number(), z.number(), z.number()]);
const Palette = z.object({ colours: z.record(z.string(), Rgb), materials: z.record(z.string(), Rgb) });

/** Names and sRGB bytes of the colours that captions use, in the order of their numbers in `twins.bin.gz`. */
export type Palette = ReadonlyMap<string, readonly [number, number, number]>;

/** The evaluation's captions, or those on which settings are chosen, so that the first stay unseen. */
export type CaptionSet = 'held-out' | 'development';
const FILES: Readonly<Record<CaptionSet, { readonly captions: string; readonly truths: string }>> = {
  'held-out': { captions: 'captions', truths: 'truths' },
  development: { captions: 'development', truths: 'development-truths' },
};

function file(name: string): Buffer {
  return readFileSync(new URL(`eval/${name}`, MODEL));
}

function text(name: string): string {
  return file(name).toString('utf8');
}

export function readCaptions(set: CaptionSet = 'held-out'): Caption[] {
  return z.array(Caption).parse(JSON.parse(text(`${FILES[set].captions}.json`)));
}

export function readPalette(): Palette {
  const { colours, materials } = Palette.parse(JSON.parse(text('palette.json')));
  return new Map([...Object.entries(colours), ...Object.entries(materials)]);
}

export function readOccupancies(name: 'references' | 'fresh'): Occupancies {
  const index = Index.parse(JSON.parse(text(`${name}.json`)));
  const bytes = gunzipSync(file(`${name}.bin.gz`));
  if (bytes.length !== index.categories.length * index.bytes_per_object) {
    throw new Error(`eval/${name}.bin.gz holds ${bytes.length} bytes for ${index.categories.length} objects`);
  }
  return { categories: index.categories, bits: new Uint32Array(new Uint8Array(bytes).buffer) };
}

/** 32^3 bytes of one object of each caption, in the captions' order. */
function readVoxels(name: string, count: number): Uint8Array[] {
  const bytes = gunzipSync(file(`${name}.bin.gz`));
  const size = 32 ** 3;
  if (bytes.length !== count * size) {
    throw new Error(`eval/${name}.bin.gz holds ${bytes.length / size} objects, not ${count}`);
  }
  return Array.from({ length: count }, (_, i) => new Uint8Array(bytes.subarray(i * size, (i + 1) * size)));
}

/** One byte a voxel of the true object of each caption; see `colours.ts` for the labels. */
export function readTruths(count: number, set: CaptionSet = 'held-out'): Uint8Array[] {
  return readVoxels(FILES[set].truths, count);
}

/** Another true object of each held-out caption: 0 where no voxel is, else 1 + the number of its colour in the palette. */
export function readTwins(count: number): Uint8Array[] {
  return readVoxels('twins', count);
}

/** SHA-256 of all that the judges know, the first half of it: a verdict stands as long as this does. */
export function judgesDigest(): string {
  const names = ['captions.json', 'truths.bin.gz', 'references.json', 'references.bin.gz', 'palette.json'];
  const hash = createHash('sha256');
  for (const name of names) hash.update(file(name));
  return hash.digest('hex').slice(0, 32);
}

/** Every `length / count`-th: the captions take the categories in turn, so that all are among the chosen. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T);
}
