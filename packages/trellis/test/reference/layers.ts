/** The layers of the sparse networks, written down from their definitions in float64, one value after another. */
import type { Weights } from './weights.ts';

/** Rows of features. */
export type Rows = Float64Array[];

export function rowsFrom(values: ArrayLike<number>, width: number): Rows {
  return Array.from({ length: values.length / width }, (_, row) =>
    Float64Array.from({ length: width }, (_, i) => values[row * width + i] as number),
  );
}

export const flat = (rows: Rows): Float64Array => Float64Array.from(rows.flatMap((row) => [...row]));
export const each = (rows: Rows, f: (value: number, channel: number) => number): Rows => rows.map((row) => row.map(f));
export const add = (a: Rows, b: Rows): Rows => a.map((row, i) => row.map((value, c) => value + at(b, i, c)));
export const silu = (x: number): number => x / (1 + Math.exp(-x));
const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

const at = (rows: Rows, row: number, channel: number): number => (rows[row] as Float64Array)[channel] as number;

export function linear(w: Weights, key: string, x: Rows, outputs: number): Rows {
  const inputs = x[0]?.length ?? 0;
  const weight = w.get(`${key}.weight`, [outputs, inputs]);
  const bias = w.get(`${key}.bias`, [outputs]);
  return x.map((row) =>
    Float64Array.from({ length: outputs }, (_, o) => {
      let sum = bias[o] as number;
      for (let i = 0; i < inputs; i++) sum += (row[i] as number) * (weight[o * inputs + i] as number);
      return sum;
    }),
  );
}

/** @param key Prefix of the affine part; none without it. */
export function layerNorm(x: Rows, eps: number, w?: Weights, key?: string): Rows {
  const channels = x[0]?.length ?? 0;
  const weight = w && key ? w.get(`${key}.weight`, [channels]) : undefined;
  const bias = w && key ? w.get(`${key}.bias`, [channels]) : undefined;
  return x.map((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / channels;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / channels;
    return row.map((value, c) => ((value - mean) / Math.sqrt(variance + eps)) * (weight?.[c] ?? 1) + (bias?.[c] ?? 0));
  });
}

/** 32 groups over all rows. */
export function groupNorm(w: Weights, key: string, x: Rows): Rows {
  const channels = x[0]?.length ?? 0;
  const weight = w.get(`${key}.weight`, [channels]);
  const bias = w.get(`${key}.bias`, [channels]);
  const width = channels / 32;
  const out = x.map((row) => row.slice());
  for (let group = 0; group < 32; group++) {
    const values = x.flatMap((row) => [...row.subarray(group * width, (group + 1) * width)]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    for (const row of out) {
      for (let c = group * width; c < (group + 1) * width; c++) {
        row[c] =
          (((row[c] as number) - mean) / Math.sqrt(variance + 1e-5)) * (weight[c] as number) + (bias[c] as number);
      }
    }
  }
  return out;
}

/** Which rows each row attends to. */
export type Attended = (row: number) => readonly number[];
export const everyone = (count: number): Attended => {
  const all = Array.from({ length: count }, (_, i) => i);
  return () => all;
};

function attention(q: Rows, k: Rows, v: Rows, heads: number, attended: Attended): Rows {
  const channels = q[0]?.length ?? 0;
  const width = channels / heads;
  return q.map((query, row) => {
    const out = new Float64Array(channels);
    const others = attended(row);
    for (let head = 0; head < heads; head++) {
      const dot = (other: number): number => {
        let sum = 0;
        for (let c = head * width; c < (head + 1) * width; c++) sum += (query[c] as number) * at(k, other, c);
        return sum / Math.sqrt(width);
      };
      const scores = others.map(dot);
      const highest = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - highest));
      const total = powers.reduce((sum, value) => sum + value, 0);
      for (const [i, other] of others.entries()) {
        for (let c = head * width; c < (head + 1) * width; c++) {
          out[c] = (out[c] as number) + ((powers[i] as number) / total) * at(v, other, c);
        }
      }
    }
    return out;
  });
}

function rmsNorm(w: Weights, key: string, x: Rows, heads: number): Rows {
  const width = (x[0]?.length ?? 0) / heads;
  const gamma = w.get(`${key}.gamma`, [heads, width]);
  return x.map((row) =>
    row.map((value, c) => {
      const head = Math.floor(c / width);
      const norm = Math.hypot(...row.subarray(head * width, (head + 1) * width));
      return (value / Math.max(norm, 1e-12)) * (gamma[c] as number) * Math.sqrt(width);
    }),
  );
}

const columns = (x: Rows, part: number, width: number): Rows =>
  x.map((row) => row.slice(part * width, (part + 1) * width));

export function selfAttention(
  w: Weights,
  key: string,
  x: Rows,
  heads: number,
  normed: boolean,
  attended: Attended,
): Rows {
  const channels = x[0]?.length ?? 0;
  const qkv = linear(w, `${key}.to_qkv`, x, 3 * channels);
  let [q, k] = [columns(qkv, 0, channels), columns(qkv, 1, channels)];
  if (normed) [q, k] = [rmsNorm(w, `${key}.q_rms_norm`, q, heads), rmsNorm(w, `${key}.k_rms_norm`, k, heads)];
  return linear(w, `${key}.to_out`, attention(q, k, columns(qkv, 2, channels), heads, attended), channels);
}

export function crossAttention(w: Weights, key: string, x: Rows, cond: Rows, heads: number): Rows {
  const channels = x[0]?.length ?? 0;
  const kv = linear(w, `${key}.to_kv`, cond, 2 * channels);
  const q = linear(w, `${key}.to_q`, x, channels);
  const attended = attention(q, columns(kv, 0, channels), columns(kv, 1, channels), heads, everyone(cond.length));
  return linear(w, `${key}.to_out`, attended, channels);
}

export function feedForward(w: Weights, key: string, x: Rows, ratio: number): Rows {
  const channels = x[0]?.length ?? 0;
  return linear(w, `${key}.mlp.2`, each(linear(w, `${key}.mlp.0`, x, Math.floor(channels * ratio)), gelu), channels);
}

/** `k = floor(C / 6)` sines, then cosines, per axis; zeros behind. */
export function positions(voxels: readonly (readonly number[])[], channels: number): Rows {
  const k = Math.floor(channels / 6);
  return voxels.map((xyz) => {
    const row = new Float64Array(channels);
    for (const [axis, x] of xyz.entries()) {
      for (let i = 0; i < k; i++) {
        row[axis * 2 * k + i] = Math.sin(x * 10000 ** (-i / k));
        row[axis * 2 * k + k + i] = Math.cos(x * 10000 ** (-i / k));
      }
    }
    return row;
  });
}

/** 3x3x3 over active voxels. */
export function sparseConv(
  w: Weights,
  key: string,
  x: Rows,
  voxels: readonly (readonly number[])[],
  outputs: number,
): Rows {
  const inputs = x[0]?.length ?? 0;
  const weight = w.get(`${key}.conv.weight`, [outputs, 3, 3, 3, inputs]);
  const bias = w.get(`${key}.conv.bias`, [outputs]);
  const rowOf = new Map(voxels.map((xyz, row) => [xyz.join(), row]));
  return voxels.map(([px = 0, py = 0, pz = 0]) => {
    const out = Float64Array.from(bias);
    for (let tap = 0; tap < 27; tap++) {
      const other = [px + Math.floor(tap / 9) - 1, py + (Math.floor(tap / 3) % 3) - 1, pz + (tap % 3) - 1];
      const row = rowOf.get(other.join());
      if (row === undefined) continue;
      for (let o = 0; o < outputs; o++) {
        for (let i = 0; i < inputs; i++) {
          out[o] = (out[o] as number) + at(x, row, i) * (weight[(o * 27 + tap) * inputs + i] as number);
        }
      }
    }
    return out;
  });
}
