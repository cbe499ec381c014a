/**
 * Writes random checkpoints of the shape of TRELLIS-text-xlarge's two flow models: 28 blocks of 1280 channels, the torso
 * in float16, 1.9 and 2.1 GB. Tensor by tensor, so it takes no memory to speak of.
 *
 *     node --import tsx bench/networks/make-xl.ts FOLDER
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  bytesOf,
  elementCount,
  floatToHalf,
  type StreamedTensor,
  TorchGenerator,
  writeSafetensors,
} from '@espalier/tensors';

const shared = {
  in_channels: 8,
  out_channels: 8,
  model_channels: 1280,
  cond_channels: 768,
  num_blocks: 28,
  num_heads: 16,
  mlp_ratio: 4,
  pe_mode: 'ape',
  qk_rms_norm: true,
  use_fp16: true,
} as const;

/** Of microsoft/TRELLIS, `configs/generation/`: `ss_flow_txt_dit_XL_16l8_fp16.json`, `slat_flow_txt_dit_XL_64l8p2_fp16.json`. */
const XL = {
  structure: {
    file: 'ss_flow_txt_dit_XL_16l8_fp16',
    name: 'SparseStructureFlowModel',
    args: { ...shared, resolution: 16, patch_size: 1 },
  },
  latent: {
    file: 'slat_flow_txt_dit_XL_64l8p2_fp16',
    name: 'ElasticSLatFlowModel',
    args: { ...shared, resolution: 64, patch_size: 2, num_io_res_blocks: 3, io_block_channels: [256] },
  },
} as const;

/** Values that are repeated to fill a tensor. A prime number of them, so that rows of weights differ. */
const PATTERN_VALUES = 1_048_573;
const KERNEL = [3, 3, 3] as const;

interface Layer {
  readonly key: string;
  readonly shape: readonly number[];
  readonly half: boolean;
}

function* linear(key: string, outputs: number, inputs: number, half = true): Generator<Layer> {
  yield { key: `${key}.weight`, shape: [outputs, inputs], half };
  yield { key: `${key}.bias`, shape: [outputs], half };
}

function* norm(key: string, channels: number): Generator<Layer> {
  yield { key: `${key}.weight`, shape: [channels], half: false };
  yield { key: `${key}.bias`, shape: [channels], half: false };
}

function* transformer(io: number): Generator<Layer> {
  const { model_channels: c, cond_channels: cond, num_heads: heads, in_channels: latent } = shared;
  yield* linear('input_layer', io, latent, false);
  yield* linear('out_layer', latent, io, false);
  yield* linear('t_embedder.mlp.0', c, 256, false);
  yield* linear('t_embedder.mlp.2', c, c, false);
  for (let i = 0; i < shared.num_blocks; i++) {
    const block = `blocks.${i}`;
    yield* norm(`${block}.norm2`, c);
    for (const side of ['q', 'k']) {
      yield { key: `${block}.self_attn.${side}_rms_norm.gamma`, shape: [heads, c / heads], half: false };
    }
    yield* linear(`${block}.self_attn.to_qkv`, 3 * c, c);
    yield* linear(`${block}.self_attn.to_out`, c, c);
    yield* linear(`${block}.cross_attn.to_q`, c, c);
    yield* linear(`${block}.cross_attn.to_kv`, 2 * c, cond);
    yield* linear(`${block}.cross_attn.to_out`, c, c);
    yield* linear(`${block}.mlp.mlp.0`, shared.mlp_ratio * c, c);
    yield* linear(`${block}.mlp.mlp.2`, c, shared.mlp_ratio * c);
    yield* linear(`${block}.adaLN_modulation.1`, 6 * c, c);
  }
}

function* residualBlock(key: string, inputs: number, outputs: number): Generator<Layer> {
  yield* norm(`${key}.norm1`, inputs);
  for (const [conv, channels] of [
    ['conv1', inputs],
    ['conv2', outputs],
  ] as const) {
    yield { key: `${key}.${conv}.conv.weight`, shape: [outputs, ...KERNEL, channels], half: true };
    yield { key: `${key}.${conv}.conv.bias`, shape: [outputs], half: true };
  }
  yield* linear(`${key}.emb_layers.1`, 2 * outputs, shared.model_channels);
  if (inputs !== outputs) yield* linear(`${key}.skip_connection`, outputs, inputs);
}

function* layers(which: keyof typeof XL): Generator<Layer> {
  const c = shared.model_channels;
  if (which === 'structure') {
    yield* transformer(c);
    return;
  }
  const { num_io_res_blocks: blocks, io_block_channels } = XL.latent.args;
  const [io] = io_block_channels;
  yield* transformer(io);
  for (let i = 0; i < blocks; i++) {
    yield* residualBlock(`input_blocks.${i}`, io, i === blocks - 1 ? c : io);
    yield* residualBlock(`out_blocks.${i}`, i === 0 ? 2 * c : 2 * io, io);
  }
}

/** @returns Path of the checkpoint without its ending. */
export async function makeXl(folder: string, which: keyof typeof XL): Promise<string> {
  const { file, name, args } = XL[which];
  const pattern = new TorchGenerator(0).randn(PATTERN_VALUES).map((value) => value * 0.02);
  const bytes = { F16: bytesOf(floatToHalf(pattern)), F32: bytesOf(pattern) };
  const tensors = new Map<string, StreamedTensor>();
  for (const { key, shape, half } of layers(which)) {
    const dtype = half ? 'F16' : 'F32';
    const source = bytes[dtype];
    const total = (elementCount(shape) * source.byteLength) / PATTERN_VALUES;
    tensors.set(key, {
      dtype,
      shape,
      *chunks() {
        for (let written = 0; written < total; written += source.byteLength) {
          yield source.subarray(0, Math.min(source.byteLength, Math.round(total - written)));
        }
      },
    });
  }
  const stem = join(folder, 'ckpts', file);
  await mkdir(join(folder, 'ckpts'), { recursive: true });
  await writeSafetensors(`${stem}.safetensors`, tensors);
  await writeFile(`${stem}.json`, JSON.stringify({ name, args }, null, 2));
  return stem;
}

const [, script, folder] = process.argv;
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  if (folder === undefined) {
    process.stderr.write('usage: node --import tsx bench/networks/make-xl.ts FOLDER\n');
    process.exit(2);
  }
  for (const which of ['structure', 'latent'] as const) {
    process.stdout.write(`${await makeXl(folder, which)}.safetensors\n`);
  }
}
