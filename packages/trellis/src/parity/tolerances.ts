/**
 * How far a computed tensor may lie from the recorded one.
 *
 * The README of a goldens folder has a table `| case | key | float32 - float64, max | rms |`: what float32 costs the
 * original itself. Ten times that is allowed. Beyond the table, and for folders without one:
 *
 * - integers and booleans: equal;
 * - normal variates: 4e-6, sums over a whole draw 7.2e-4, uniform variates: equal;
 * - time features, cosines and sines: 6e-7, ten roundings at unit size;
 * - sampled latents: 1e-4, since a sampler carries each step's rounding on, more for latents larger than unit size;
 * - mesh vertices behind a decoder: 1e-5, their colours 3e-4: quotients whose denominator can be small;
 * - everything else: 3e-5 of the root mean square of the recorded values, which is ten times what float32 costs the
 *   original on the reference data (its worst: 3.0e-6 of the root mean square, upsample.0 of the mesh decoder).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '@espalier/tensors';
import { rootMeanSquare } from './compare.ts';

const FLOAT32_FACTOR = 10;
const RELATIVE = 3e-5;

const NOISE_TOLERANCE = 4e-6;
/** Sums over the 32768 values of a full-size draw: errors of both signs grow with the root of the count. */
const NOISE_SUM_TOLERANCE = NOISE_TOLERANCE * Math.sqrt(8 * 16 ** 3);
const FEATURE_TOLERANCE = 6e-7;
const SAMPLED_TOLERANCE = 1e-4;
const VERTEX_TOLERANCE = 1e-5;
const COLOUR_TOLERANCE = 3e-4;

/** What a tensor is, where that decides its tolerance. */
export type TensorKind = 'noise' | 'noiseSum' | 'exact' | 'features' | 'sampled' | 'vertices' | 'colours' | 'module';

/** By `case/key`: the float32 error of the original. */
export type ErrorTable = ReadonlyMap<string, number>;

const ROW = /^\|\s*([\w.-]+)\s*\|\s*`([^`]+)`\s*\|\s*([\d.]+e[+-]\d+)\s*\|\s*[\d.e+-]+\s*\|\s*$/;

/** Reads the table of the folder's README; empty when there is none. */
export async function readErrorTable(folder: string): Promise<ErrorTable> {
  const text = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const table = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, key, error] = ROW.exec(line) ?? [];
    if (name !== undefined && key !== undefined) {
      table.set(`${name}/${key}`, Number(error));
    }
  }
  return table;
}

export function allowedDifference(
  table: ErrorTable,
  name: string,
  key: string,
  kind: TensorKind,
  expected: Tensor,
): number {
  const isFloat = ['F64', 'F32', 'F16', 'BF16'].includes(expected.dtype);
  if (!isFloat || kind === 'exact') {
    return 0;
  }
  if (kind === 'noise') {
    return NOISE_TOLERANCE;
  }
  if (kind === 'noiseSum') {
    return NOISE_SUM_TOLERANCE;
  }
  const size = rootMeanSquare(expected.data);
  const error = table.get(`${name}/${key}`);
  const known = error === undefined ? undefined : FLOAT32_FACTOR * error;
  switch (kind) {
    case 'sampled':
      return known === undefined ? SAMPLED_TOLERANCE * Math.max(1, size) : Math.max(SAMPLED_TOLERANCE, known);
    case 'vertices':
      return VERTEX_TOLERANCE;
    case 'colours':
      return COLOUR_TOLERANCE;
    case 'features':
      return FEATURE_TOLERANCE;
    case 'module':
      return known ?? RELATIVE * size;
  }
}
