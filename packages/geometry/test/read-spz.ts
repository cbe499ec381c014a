/**
 * Reads `.spz` of version 3 by its description (github.com/nianticlabs/spz, README), apart from the library that writes
 * it: a gzip stream of a header, then each attribute for all Gaussians.
 */
import { gunzipSync } from 'node:zlib';

export interface SpzFile {
  readonly version: number;
  readonly count: number;
  readonly degree: number;
  /** Right, up, back. */
  readonly positions: number[][];
  readonly opacities: number[];
  /** Harmonics of degree 0. */
  readonly colors: number[][];
  /** Natural logarithms. */
  readonly scales: number[][];
  /** w first. */
  readonly rotations: number[][];
  /** After the last attribute. */
  readonly rest: number;
}

const HEADER = 16;

export function readSpz(file: Uint8Array): SpzFile {
  const data = gunzipSync(file);
  if (data.toString('latin1', 0, 4) !== 'NGSP') throw new Error('no spz file');
  const count = data.readUInt32LE(8);
  const step = 2 ** -(data[13] as number);
  let at = HEADER;
  const each = <T>(bytes: number, read: (from: number) => T): T[] => {
    const values = Array.from({ length: count }, (_, g) => read(at + g * bytes));
    at += count * bytes;
    return values;
  };
  const three = (bytes: number, read: (from: number) => number) => (from: number) =>
    [0, 1, 2].map((k) => read(from + k * bytes));
  const byte = (from: number) => data[from] as number;
  return {
    version: data.readUInt32LE(4),
    count,
    degree: byte(12),
    positions: each(
      9,
      three(3, (from) => data.readIntLE(from, 3) * step),
    ),
    opacities: each(1, (from) => byte(from) / 255),
    colors: each(
      3,
      three(1, (from) => (byte(from) / 255 - 0.5) / 0.15),
    ),
    scales: each(
      3,
      three(1, (from) => byte(from) / 16 - 10),
    ),
    rotations: each(4, (from) => smallestThree(data.readUInt32LE(from))),
    rest: data.length - at,
  };
}

/** Two bits for the place of the largest component, then sign and nine bits of each other one, of at most 1/√2. */
function smallestThree(packed: number): number[] {
  const largest = packed >>> 30;
  const xyzw = [0, 0, 0, 0];
  let bits = packed;
  for (let k = 3; k >= 0; k--) {
    if (k === largest) continue;
    const size = ((bits & 511) / 511) * Math.SQRT1_2;
    xyzw[k] = (bits & 512) === 0 ? size : -size;
    bits >>>= 10;
  }
  xyzw[largest] = Math.sqrt(1 - xyzw.reduce((sum, value) => sum + value * value, 0));
  const [x, y, z, w] = xyzw as [number, number, number, number];
  return [w, x, y, z];
}
