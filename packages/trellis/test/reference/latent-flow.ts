/** `SLatFlowModel`, written down from the published code. */
import { timestepFeatures } from '../../src/networks/blocks/index.ts';
import type { SLatFlowConfig } from '../../src/repository/index.ts';
import {
  add,
  crossAttention,
  each,
  everyone,
  feedForward,
  layerNorm,
  linear,
  positions,
  type Rows,
  rowsFrom,
  selfAttention,
  silu,
  sparseConv,
} from './layers.ts';
import type { Weights } from './weights.ts';

type Voxels = readonly (readonly number[])[];
interface Sparse {
  readonly voxels: Voxels;
  readonly features: Rows;
}

export function latentFlow(w: Weights, config: SLatFlowConfig, input: Sparse, t: number, cond: Rows): Rows {
  const { model_channels: channels, num_heads: heads } = config;
  const io = config.io_block_channels ?? [];
  let h: Sparse = { ...input, features: linear(w, 'input_layer', input.features, io[0] ?? channels) };
  const features = rowsFrom(timestepFeatures(t).data, 256);
  let emb = linear(w, 't_embedder.mlp.2', each(linear(w, 't_embedder.mlp.0', features, channels), silu), channels);
  if (config.share_mod) emb = linear(w, 'adaLN_modulation.1', each(emb, silu), 6 * channels);

  const saved: { features: Rows; fine: Voxels | undefined }[] = [];
  let count = 0;
  const grids: Voxels[] = [];
  for (const [level, width] of io.entries()) {
    for (let i = 1; i < config.num_io_res_blocks; i++) {
      h = resBlock(w, `input_blocks.${count++}`, h, emb, width);
      saved.push({ features: h.features, fine: undefined });
    }
    grids.push(h.voxels);
    h = resBlock(w, `input_blocks.${count++}`, downsampled(h), emb, io[level + 1] ?? channels);
    saved.push({ features: h.features, fine: undefined });
  }

  let x = add(h.features, positions(h.voxels, channels));
  for (let i = 0; i < config.num_blocks; i++) {
    const key = `blocks.${i}`;
    const mod = config.share_mod ? emb : linear(w, `${key}.adaLN_modulation.1`, each(emb, silu), 6 * channels);
    const part = (index: number, c: number) => (mod[0] as Float64Array)[index * channels + c] as number;
    const modulated = (rows: Rows, first: number): Rows =>
      each(layerNorm(rows, 1e-6), (value, c) => value * (1 + part(first + 1, c)) + part(first, c));
    const attended = selfAttention(
      w,
      `${key}.self_attn`,
      modulated(x, 0),
      heads,
      config.qk_rms_norm,
      everyone(x.length),
    );
    x = add(
      x,
      each(attended, (value, c) => value * part(2, c)),
    );
    x = add(x, crossAttention(w, `${key}.cross_attn`, layerNorm(x, 1e-6, w, `${key}.norm2`), cond, heads));
    const mlp = feedForward(w, `${key}.mlp`, modulated(x, 3), config.mlp_ratio);
    x = add(
      x,
      each(mlp, (value, c) => value * part(5, c)),
    );
  }

  h = { voxels: h.voxels, features: x };
  count = 0;
  for (const width of [...io].reverse()) {
    for (let i = 0; i < config.num_io_res_blocks; i++) {
      const skip = saved.pop()?.features as Rows;
      const joined = config.use_skip_connection
        ? h.features.map((row, n) => Float64Array.of(...row, ...(skip[n] as Float64Array)))
        : h.features;
      const here: Sparse = { voxels: h.voxels, features: joined };
      h = resBlock(w, `out_blocks.${count++}`, i === 0 ? upsampled(here, grids.pop() as Voxels) : here, emb, width);
    }
  }
  return linear(w, 'out_layer', layerNorm(h.features, 1e-5), config.out_channels);
}

function resBlock(w: Weights, key: string, x: Sparse, emb: Rows, outputs: number): Sparse {
  const inputs = x.features[0]?.length ?? 0;
  const both = linear(w, `${key}.emb_layers.1`, each(emb, silu), 2 * outputs)[0] as Float64Array;
  let h = each(layerNorm(x.features, 1e-6, w, `${key}.norm1`), silu);
  h = layerNorm(sparseConv(w, `${key}.conv1`, h, x.voxels, outputs), 1e-6);
  h = each(h, (value, c) => silu(value * (1 + (both[c] as number)) + (both[outputs + c] as number)));
  h = sparseConv(w, `${key}.conv2`, h, x.voxels, outputs);
  const skip = inputs === outputs ? x.features : linear(w, `${key}.skip_connection`, x.features, outputs);
  return { voxels: x.voxels, features: add(h, skip) };
}

const parentOf = (xyz: readonly number[]): number[] => xyz.map((value) => Math.floor(value / 2));

function downsampled({ voxels, features }: Sparse): Sparse {
  const members = new Map<string, number[]>();
  for (const [row, xyz] of voxels.entries()) {
    const key = parentOf(xyz).join();
    members.set(key, [...(members.get(key) ?? []), row]);
  }
  const coarse = [...members.keys()]
    .map((key) => key.split(',').map(Number))
    .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0) || (a[2] ?? 0) - (b[2] ?? 0));
  const pooled = coarse.map((xyz) => {
    const rows = members.get(xyz.join()) as number[];
    const [first = new Float64Array(0)] = features;
    return first.map((_, c) => {
      const sum = rows.reduce((total, row) => total + ((features[row] as Float64Array)[c] as number), 0);
      return sum / (rows.length + 1);
    });
  });
  return { voxels: coarse, features: pooled };
}

function upsampled({ voxels, features }: Sparse, fine: Voxels): Sparse {
  const rowOf = new Map(voxels.map((xyz, row) => [xyz.join(), row]));
  return {
    voxels: fine,
    features: fine.map((xyz) => features[rowOf.get(parentOf(xyz).join()) as number] as Float64Array),
  };
}
