/**
 * What both decoders of the structured latent begin with: input layer, positions, transformer blocks that attend as
 * `attn_mode` says. Source: TRELLIS `models/structured_latent_vae/base.py`, `SparseTransformerBase`.
 */
import { type GraphBuilder, type Residual, residualSum, type Session, tapResidual, type Value } from '@espalier/onnx';
import { float32, int32, type Tensor } from '@espalier/tensors';
import type { SLatGaussianDecoderConfig, SLatMeshDecoderConfig } from '../repository/index.ts';
import {
  CURVES,
  type Curve,
  serializedGroups,
  type VoxelGroups,
  voxelCount,
  WINDOW_BUCKETS,
  windowGroups,
} from '../sparse/index.ts';
import { addPositions, feedPartition, partitionedAttention, partitionInputs, sparseBlock } from './blocks/index.ts';

export type SLatDecoderConfig = SLatGaussianDecoderConfig | SLatMeshDecoderConfig;

/** A way to group voxels, shared by every block that attends in it. */
interface Grouping {
  readonly buckets: number;
  groups(voxels: Int32Array): VoxelGroups;
}

/** Shift of odd blocks in `attn_mode: "shift_window"`, whatever the window. */
const CURVE_SHIFT = 16;

/** The groupings of an `attn_mode`; block i attends in number i modulo their count. None: full attention. */
function groupings({ attn_mode, window_size: size }: SLatDecoderConfig): Grouping[] {
  const half = Math.floor(size / 2);
  const window = (shift: number): Grouping => ({
    buckets: WINDOW_BUCKETS,
    groups: (voxels) => windowGroups(voxels, size, shift),
  });
  const serialized = (curve: Curve, shiftSequence: number, shiftWindow: number): Grouping => ({
    buckets: 1,
    groups: (voxels) => serializedGroups(voxels, { curve, size, shiftSequence, shiftWindow }),
  });
  switch (attn_mode) {
    case 'full':
      return [];
    case 'swin':
      return [window(0), window(half)];
    case 'shift_window':
      return [serialized('z-order', 0, 0), serialized('z-order', 0, CURVE_SHIFT)];
    case 'shift_sequence':
      return [serialized('z-order', 0, 0), serialized('z-order', half, 0)];
    case 'shift_order':
      return CURVES.map((curve) => serialized(curve, 0, 0));
  }
}

/**
 * Inputs `slat` [N, latent_channels] float32, `coords` [N, 3] int32, and those of the partitions. Taps: `blocks.<i>`.
 * @returns [N, model_channels] in the graph's compute type.
 */
export function slatTorso(g: GraphBuilder, config: SLatDecoderConfig): Value {
  const { model_channels: channels, num_heads: heads } = config;
  const slat = g.input('slat', 'float32', ['N', config.latent_channels]);
  const coords = g.input('coords', 'int32', ['N', 3]);
  const attends = groupings(config)
    .slice(0, config.num_blocks)
    .map(({ buckets }, i) => partitionedAttention(g, partitionInputs(g, `partition.${i}`, buckets), heads));
  const embedded = addPositions(g, g.linear(slat, 'input_layer', channels), coords, config.resolution);
  let residual: Residual = { h: g.cast(embedded, g.computeType) };
  for (let i = 0; i < config.num_blocks; i++) {
    residual = sparseBlock(g, residual, `blocks.${i}`, {
      heads,
      mlpRatio: config.mlp_ratio,
      qkRmsNorm: config.qk_rms_norm,
      attend: attends[i % Math.max(1, attends.length)],
    });
    residual = tapResidual(g, `blocks.${i}`, residual);
  }
  return residualSum(g, residual);
}

/**
 * The inputs of `slatTorso`.
 * @param session Says in which form it takes partitions.
 * @param voxels [N, 3] inside the config's resolution.
 * @param slat Features [N, latent_channels], row-major.
 */
export function feedTorso(
  session: Pick<Session, 'inputs'>,
  config: SLatDecoderConfig,
  voxels: Int32Array,
  slat: Float32Array,
): Record<string, Tensor> {
  const rows = voxelCount(voxels);
  const feeds: Record<string, Tensor> = {
    slat: float32([rows, config.latent_channels], slat),
    coords: int32([rows, 3], voxels),
  };
  for (const [i, { groups, buckets }] of groupings(config).slice(0, config.num_blocks).entries()) {
    Object.assign(feeds, feedPartition(session, `partition.${i}`, groups(voxels), buckets));
  }
  return feeds;
}
