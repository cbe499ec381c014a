/** Absolute position features of voxels. Source: TRELLIS `modules/transformer/blocks.py`, `AbsolutePositionEmbedder`. */
import type { GraphBuilder, Value } from '@espalier/onnx';

const AXES = 3;

/** Sines and cosines per axis; `channels - 6 * frequencies` channels at the end stay zero. */
function frequencyCount(channels: number): number {
  return Math.floor(channels / AXES / 2);
}

/**
 * Features of every coordinate on one axis: `k` sines, then `k` cosines of `x * 10000^(-i/k)`, in float32 as in the
 * original.
 * @returns [resolution, 2 k] row-major, k = floor(channels / 6)
 */
function positionTable(resolution: number, channels: number): Float32Array {
  const k = frequencyCount(channels);
  const table = new Float32Array(resolution * 2 * k);
  for (let i = 0; i < k; i++) {
    const frequency = Math.fround(1 / Math.fround(10000 ** Math.fround(i / k)));
    for (let x = 0; x < resolution; x++) {
      const angle = Math.fround(x * frequency);
      table[x * 2 * k + i] = Math.sin(angle);
      table[x * 2 * k + k + i] = Math.cos(angle);
    }
  }
  return table;
}

/**
 * Adds position features to tokens, in float32; give it the tokens before they are cast to the compute type.
 * @param h [N, channels] float32
 * @param coords [N, 3] int32 coordinates x, y, z in [0, resolution)
 * @returns [N, channels] float32
 */
export function addPositions(g: GraphBuilder, h: Value, coords: Value, resolution: number): Value {
  const channels = h.shape[1] as number;
  const rows = h.shape[0] as number | string;
  const width = 2 * frequencyCount(channels);
  const table = g.constant(positionTable(resolution, channels), [resolution, width]);
  const features = g.reshape(g.gather(table, coords), [rows, AXES * width]);
  const rest = channels - AXES * width;
  return g.add(h, rest === 0 ? features : g.padChannels(features, rest));
}

/** Features of a full grid in row-major (x, y, z) order: the buffer `pos_emb` of the dense flow model. */
export function gridPositions(resolution: number, channels: number): Float32Array {
  const width = 2 * frequencyCount(channels);
  const table = positionTable(resolution, channels);
  const out = new Float32Array(resolution ** AXES * channels);
  const rowOf = (x: number) => table.subarray(x * width, (x + 1) * width);
  let row = 0;
  for (let x = 0; x < resolution; x++) {
    for (let y = 0; y < resolution; y++) {
      for (let z = 0; z < resolution; z++) {
        out.set(rowOf(x), row);
        out.set(rowOf(y), row + width);
        out.set(rowOf(z), row + 2 * width);
        row += channels;
      }
    }
  }
  return out;
}
