/**
 * Writes a random checkpoint of the shape of TRELLIS-text-xlarge's occupancy flow model: 28 blocks of 1280 channels,
 * the torso in float16, 1.9 GB. Tensor by tensor, so it takes no memory to speak of.
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

/** `configs/generation/ss_flow_txt_dit_XL_16l8_fp16.json` of microsoft/TRELLIS. */
export const XL_CONFIG = {
  resolution: 16,
  in_channels: 8,
  out_channels: 8,
  model_channels: 1280,
  cond_channels: 768,
  num_blocks: 28,
  num_heads: 16,
  mlp_ratio: 4,
  patch_size: 1,
  pe_mode: 'ape',
  qk_rms_norm: true,
  use_fp16: true,
} as const;

export const XL_NAME = 'ss_flow_txt_dit_XL_16l8_fp16';

/** Values that are repeated to fill a tensor. A prime number of them, so that rows of weights differ. */
const PATTERN_VALUES = 1_048_573;

interface Layer {
  readonly key: string;
  readonly shape: readonly number[];
  readonly half: boolean;
}

function* layers(config: typeof XL_CONFIG): Generator<Layer> {
  const { model_channels: c, cond_channels: cond, num_heads: heads, in_channels: io } = config;
  const linear = function* (key: string, outputs: number, inputs: number, half: boolean): Generator<Layer> {
    yield { key: `${key}.weight`, shape: [outputs, inputs], half };
    yield { key: `${key}.bias`, shape: [outputs], half };
  };
  yield* linear('input_layer', c, io, false);
  yield* linear('out_layer', io, c, false);
  yield* linear('t_embedder.mlp.0', c, 256, false);
  yield* linear('t_embedder.mlp.2', c, c, false);
  for (let i = 0; i < config.num_blocks; i++) {
    const block = `blocks.${i}`;
    yield { key: `${block}.norm2.weight`, shape: [c], half: false };
    yield { key: `${block}.norm2.bias`, shape: [c], half: false };
    for (const side of ['q', 'k']) {
      yield { key: `${block}.self_attn.${side}_rms_norm.gamma`, shape: [heads, c / heads], half: false };
    }
    yield* linear(`${block}.self_attn.to_qkv`, 3 * c, c, true);
    yield* linear(`${block}.self_attn.to_out`, c, c, true);
    yield* linear(`${block}.cross_attn.to_q`, c, c, true);
    yield* linear(`${block}.cross_attn.to_kv`, 2 * c, cond, true);
    yield* linear(`${block}.cross_attn.to_out`, c, c, true);
    yield* linear(`${block}.mlp.mlp.0`, config.mlp_ratio * c, c, true);
    yield* linear(`${block}.mlp.mlp.2`, c, config.mlp_ratio * c, true);
    yield* linear(`${block}.adaLN_modulation.1`, 6 * c, c, true);
  }
}

/**
 * @param blocks Fewer blocks make a smaller model of the same width.
 * @returns Path of the checkpoint without its ending.
 */
export async function makeXl(folder: string, blocks: number = XL_CONFIG.num_blocks): Promise<string> {
  const config = { ...XL_CONFIG, num_blocks: blocks as typeof XL_CONFIG.num_blocks };
  const pattern = new TorchGenerator(0).randn(PATTERN_VALUES).map((value) => value * 0.02);
  const bytes = { F16: bytesOf(floatToHalf(pattern)), F32: bytesOf(pattern) };
  const tensors = new Map<string, StreamedTensor>();
  for (const { key, shape, half } of layers(config)) {
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
  const stem = join(folder, 'ckpts', XL_NAME);
  await mkdir(join(folder, 'ckpts'), { recursive: true });
  await writeSafetensors(`${stem}.safetensors`, tensors);
  await writeFile(`${stem}.json`, JSON.stringify({ name: 'SparseStructureFlowModel', args: config }, null, 2));
  return stem;
}

const [, script, folder] = process.argv;
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  if (folder === undefined) {
    process.stderr.write('usage: node --import tsx bench/networks/make-xl.ts FOLDER\n');
    process.exit(2);
  }
  process.stdout.write(`${await makeXl(folder)}.safetensors\n`);
}
