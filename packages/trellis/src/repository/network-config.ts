/**
 * The `ckpts/<name>.json` files: class name and constructor arguments of one network, with the defaults that the
 * published code gives them. Unknown arguments are refused, as a Python constructor refuses them.
 */
import { TerminalError } from '@espalier/contracts';
import { z } from 'zod';
import { checkJson, parseJsonFile } from './json-file.ts';

const size = z.int().min(1);
const flag = z.boolean();

/** `num_heads` may be missing; then it follows from the width of a head. */
function withHeads<
  T extends { num_heads?: number | null | undefined; num_head_channels: number; model_channels: number },
>(args: T, context: z.RefinementCtx): Omit<T, 'num_heads'> & { num_heads: number } {
  const num_heads = args.num_heads ?? Math.floor(args.model_channels / args.num_head_channels);
  if (num_heads < 1 || args.model_channels % num_heads !== 0) {
    context.addIssue({
      code: 'custom',
      path: ['num_heads'],
      message: `model_channels ${args.model_channels} cannot be shared out to ${num_heads} heads`,
    });
  }
  return { ...args, num_heads };
}

const transformer = {
  model_channels: size,
  num_blocks: size,
  num_heads: size.nullish(),
  num_head_channels: size.default(64),
  mlp_ratio: z.number().positive().default(4),
  pe_mode: z.enum(['ape', 'rope']).default('ape'),
  /** Precision the checkpoint was published for; tensors say their own dtype, so it decides nothing here. */
  use_fp16: flag.default(false),
  /** Training only. */
  use_checkpoint: flag.default(false),
  qk_rms_norm: flag.default(false),
};

const flow = {
  ...transformer,
  resolution: size,
  in_channels: size,
  out_channels: size,
  cond_channels: size,
  patch_size: size.default(2),
  qk_rms_norm_cross: flag.default(false),
  share_mod: flag.default(false),
};

const latentDecoder = {
  ...transformer,
  resolution: size,
  latent_channels: size,
  attn_mode: z.enum(['full', 'shift_window', 'shift_sequence', 'shift_order', 'swin']).default('swin'),
  window_size: size.default(8),
};

const GaussianRepresentationSchema = z.object({
  lr: z.object({
    _xyz: z.number(),
    _features_dc: z.number(),
    _opacity: z.number(),
    _scaling: z.number(),
    _rotation: z.number(),
  }),
  perturb_offset: flag,
  voxel_size: z.number().positive(),
  num_gaussians: size,
  '2d_filter_kernel_size': z.number().optional(),
  '3d_filter_kernel_size': z.number().min(0),
  scaling_bias: z.number().positive(),
  opacity_bias: z.number().gt(0).lt(1),
  scaling_activation: z.enum(['softplus', 'exp']),
});

const schemas = {
  SparseStructureFlowModel: z.strictObject(flow).transform(withHeads),
  SparseStructureDecoder: z.strictObject({
    out_channels: size,
    latent_channels: size,
    num_res_blocks: z.int().min(0),
    channels: z.array(size).min(1),
    num_res_blocks_middle: z.int().min(0).default(2),
    norm_type: z.enum(['layer', 'group']).default('layer'),
    use_fp16: flag.default(false),
  }),
  SLatFlowModel: z
    .strictObject({
      ...flow,
      num_io_res_blocks: size.default(2),
      io_block_channels: z.array(size).min(1).nullable().default(null),
      use_skip_connection: flag.default(true),
    })
    .transform(withHeads),
  SLatGaussianDecoder: z
    .strictObject({ ...latentDecoder, representation_config: GaussianRepresentationSchema })
    .transform(withHeads),
  SLatMeshDecoder: z
    .strictObject({ ...latentDecoder, representation_config: z.object({ use_color: flag.default(false) }) })
    .transform(withHeads),
};

export type NetworkName = keyof typeof schemas;
export type SparseStructureFlowConfig = z.output<typeof schemas.SparseStructureFlowModel>;
export type SparseStructureDecoderConfig = z.output<typeof schemas.SparseStructureDecoder>;
export type SLatFlowConfig = z.output<typeof schemas.SLatFlowModel>;
export type SLatGaussianDecoderConfig = z.output<typeof schemas.SLatGaussianDecoder>;
export type SLatMeshDecoderConfig = z.output<typeof schemas.SLatMeshDecoder>;
export type GaussianRepresentation = z.output<typeof GaussianRepresentationSchema>;
export interface NetworkConfigs {
  SparseStructureFlowModel: SparseStructureFlowConfig;
  SparseStructureDecoder: SparseStructureDecoderConfig;
  SLatFlowModel: SLatFlowConfig;
  SLatGaussianDecoder: SLatGaussianDecoderConfig;
  SLatMeshDecoder: SLatMeshDecoderConfig;
}

const FileSchema = z.object({ name: z.string(), args: z.record(z.string(), z.unknown()) });

/**
 * Reads the config of a network that has to be of class `expected` (the prefix `Elastic` makes no difference to
 * inference).
 *
 * @throws TerminalError `MODEL_FILE_MISSING`, `MODEL_FILE_INVALID`, `MODEL_UNSUPPORTED`.
 */
export async function readNetworkConfig<N extends NetworkName>(path: string, expected: N): Promise<NetworkConfigs[N]> {
  const { name, args } = checkJson(await parseJsonFile(path), FileSchema, path);
  const known = Object.keys(schemas) as NetworkName[];
  const plain = name.replace(/^Elastic/, '');
  if (plain !== expected) {
    const reason = known.some((candidate) => candidate === plain)
      ? `a ${expected} is needed here`
      : `known are ${known.join(', ')}, with or without the prefix Elastic`;
    throw new TerminalError(`${path}: 'name' is '${name}': ${reason}`, { code: 'MODEL_FILE_INVALID', field: 'name' });
  }
  return parseNetworkArgs(expected, args, path);
}

/** Checks constructor arguments. `path` is what errors call the file. */
export function parseNetworkArgs<N extends NetworkName>(name: N, args: unknown, path: string): NetworkConfigs[N] {
  const config = checkJson({ args }, z.object({ args: schemas[name] as z.ZodType }), path).args as NetworkConfigs[N];
  for (const [field, reason] of refusals(name, config)) {
    throw new TerminalError(`${path}: 'args.${field}' cannot be run: ${reason}`, {
      code: 'MODEL_UNSUPPORTED',
      field: `args.${field}`,
    });
  }
  return config;
}

/** Options that the published constructors take and the published code fails on. */
function* refusals(name: NetworkName, config: NetworkConfigs[NetworkName]): Generator<[string, string]> {
  if ('pe_mode' in config && config.pe_mode === 'rope') {
    yield ['pe_mode', "'rope' fails in TRELLIS itself; use 'ape'"];
  }
  if (name === 'SLatFlowModel') {
    const args = config as SLatFlowConfig;
    const blocks = args.io_block_channels;
    if (args.qk_rms_norm_cross) {
      yield ['qk_rms_norm_cross', 'TRELLIS cannot normalise keys of a dense condition in its sparse cross attention'];
    }
    if (args.share_mod && blocks !== null) {
      yield [
        'share_mod',
        'the shared modulation is not of the width that the residual blocks of io_block_channels take',
      ];
    }
    if (blocks !== null && 2 ** blocks.length !== args.patch_size) {
      yield [
        'io_block_channels',
        `each entry halves the grid: ${blocks.length} do not make patch_size ${args.patch_size}`,
      ];
    }
  }
  if (name === 'SparseStructureFlowModel') {
    const args = config as SparseStructureFlowConfig;
    if (args.resolution % args.patch_size !== 0) {
      yield ['patch_size', `resolution ${args.resolution} is no multiple of ${args.patch_size}`];
    }
  }
  if (name === 'SparseStructureDecoder') {
    const args = config as SparseStructureDecoderConfig;
    const last = args.channels.at(-1) as number;
    if (args.norm_type === 'group' && last % 32 !== 0) {
      yield ['norm_type', `'group' needs a multiple of 32 channels in front of the output, there are ${last}`];
    }
  }
  if (name === 'SLatMeshDecoder') {
    const { model_channels } = config as SLatMeshDecoderConfig;
    if (model_channels % 256 !== 0) {
      yield ['model_channels', `${model_channels} / 8 cannot be normalised in 32 groups; use a multiple of 256`];
    }
  }
}
