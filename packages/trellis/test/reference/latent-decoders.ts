/** `SLatMeshDecoder` and `SLatGaussianDecoder` up to their raw channels, written down from the published code. */
import type { SLatGaussianDecoderConfig, SLatMeshDecoderConfig } from '../../src/repository/index.ts';
import { CURVES, type Curve, curvePositions } from '../../src/sparse/index.ts';
import {
  type Attended,
  add,
  each,
  everyone,
  feedForward,
  groupNorm,
  layerNorm,
  linear,
  positions,
  type Rows,
  selfAttention,
  silu,
  sparseConv,
} from './layers.ts';
import type { Weights } from './weights.ts';

type Voxels = readonly (readonly number[])[];
type Config = SLatGaussianDecoderConfig | SLatMeshDecoderConfig;

function torso(w: Weights, config: Config, voxels: Voxels, slat: Rows): Rows {
  const { model_channels: channels, num_heads: heads } = config;
  let h = add(linear(w, 'input_layer', slat, channels), positions(voxels, channels));
  for (let i = 0; i < config.num_blocks; i++) {
    const key = `blocks.${i}`;
    const attended = attendedIn(config, i, voxels);
    h = add(h, selfAttention(w, `${key}.attn`, layerNorm(h, 1e-6), heads, config.qk_rms_norm, attended));
    h = add(h, feedForward(w, `${key}.mlp`, layerNorm(h, 1e-6), config.mlp_ratio));
  }
  return h;
}

export function gaussianChannels(w: Weights, config: SLatGaussianDecoderConfig, voxels: Voxels, slat: Rows): Rows {
  const h = layerNorm(torso(w, config, voxels, slat), 1e-5);
  return linear(w, 'out_layer', h, 14 * config.representation_config.num_gaussians);
}

export function meshCells(w: Weights, config: SLatMeshDecoderConfig, voxels: Voxels, slat: Rows): Rows {
  let h = torso(w, config, voxels, slat);
  let grid = voxels;
  for (const [index, outputs] of [config.model_channels / 4, config.model_channels / 8].entries()) {
    const key = `upsample.${index}`;
    const children = subdivided(each(groupNorm(w, `${key}.act_layers.0`, h), silu));
    const skip = kernelOne(w, `${key}.skip_connection`, subdivided(h), outputs);
    grid = grid.flatMap((xyz) =>
      Array.from({ length: 8 }, (_, o) => xyz.map((value, axis) => 2 * value + ((o >> (2 - axis)) & 1))),
    );
    const first = sparseConv(w, `${key}.out_layers.0`, children, grid, outputs);
    const second = each(groupNorm(w, `${key}.out_layers.1`, first), silu);
    h = add(sparseConv(w, `${key}.out_layers.3`, second, grid, outputs), skip);
  }
  return linear(w, 'out_layer', h, config.representation_config.use_color ? 101 : 53);
}

const subdivided = (x: Rows): Rows => x.flatMap((row) => Array.from({ length: 8 }, () => row));

/** The stored [out, 1, 1, 1, in] memory read as [in, out]. */
function kernelOne(w: Weights, key: string, x: Rows, outputs: number): Rows {
  const inputs = x[0]?.length ?? 0;
  const weight = w.get(`${key}.conv.weight`, [outputs, 1, 1, 1, inputs]);
  const bias = w.get(`${key}.conv.bias`, [outputs]);
  return x.map((row) =>
    Float64Array.from({ length: outputs }, (_, o) =>
      row.reduce((sum, value, i) => sum + value * (weight[i * outputs + o] as number), bias[o] as number),
    ),
  );
}

function attendedIn({ attn_mode, window_size: size }: Config, block: number, voxels: Voxels): Attended {
  const odd = block % 2;
  switch (attn_mode) {
    case 'full':
      return everyone(voxels.length);
    case 'swin': {
      const shift = Math.floor(size / 2) * odd;
      const windows = voxels.map((xyz) => xyz.map((value) => Math.floor((value + shift) / size)).join());
      return (row) => windows.flatMap((window, other) => (window === windows[row] ? [other] : []));
    }
    case 'shift_window':
      return serialized(voxels, size, 'z-order', 0, 16 * odd);
    case 'shift_sequence':
      return serialized(voxels, size, 'z-order', Math.floor(size / 2) * odd, 0);
    case 'shift_order':
      return serialized(voxels, size, CURVES[block % 4] as Curve, 0, 0);
  }
}

/** Window by window, as the published `calc_serialization` goes: each writes the results of its valid span. */
function serialized(voxels: Voxels, size: number, curve: Curve, shiftSequence: number, shiftWindow: number): Attended {
  const count = voxels.length;
  const codes = curvePositions(Int32Array.from(voxels.flat()), curve, shiftWindow);
  const order = voxels.map((_, row) => row).sort((a, b) => (codes[a] as number) - (codes[b] as number));
  const windows = Math.ceil(count / size);
  if (windows === 1) return everyone(count);
  const groups = new Map<number, number[]>();
  const valid = count / windows;
  for (let i = 0; i < windows; i++) {
    const start = Math.floor((i + 0.5) * valid + shiftSequence - 0.5 * size);
    const members = Array.from({ length: size }, (_, at) => order[(((start + at) % count) + count) % count] as number);
    const [from, to] = [i, i + 1].map((edge) => Math.floor(edge * valid + shiftSequence)) as [number, number];
    for (let at = from; at < to; at++) groups.set(members[at - start] as number, members);
  }
  return (row) => groups.get(row) as number[];
}
