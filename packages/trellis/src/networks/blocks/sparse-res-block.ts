/**
 * The residual block around the latent flow model's transformer. Source: TRELLIS `models/structured_latent_flow.py`,
 * `SparseResBlock3d`.
 */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { BLOCK_NORM_EPS, onesAt } from './modulated-cross-block.ts';
import { type ChunkedTable, submanifoldConv, upsampledConv } from './submanifold-conv.ts';
import { type Pooling, poolDown } from './voxel-pooling.ts';

/** How a block changes the grid before it does anything else. */
export type Resampling =
  | { readonly direction: 'none' }
  | { readonly direction: 'down'; readonly pooling: Pooling }
  /** `parents` int32 [N]: coarse row of each fine voxel. `table`: what `upsampledConv` takes. */
  | { readonly direction: 'up'; readonly parents: Value; readonly table: ChunkedTable };

/**
 * What a block makes of the time: [S, 2 outputs], 1 + scale before the shift; in the transformer blocks the shift comes first.
 * @param activated SiLU of the embedding, [S, E].
 */
export function embeddedAffine(g: GraphBuilder, activated: Value, key: string, outputs: number): Value {
  const embedded = g.linear(activated, `${key}.emb_layers.1`, 2 * outputs);
  return g.add(embedded, onesAt(g, [1, 0], outputs, activated.type));
}

/**
 * Re-sampling, norm, SiLU, convolution, norm scaled and shifted by the embedding, SiLU, convolution, and the skip path
 * of the re-sampled input.
 *
 * @param x [rows before, C]
 * @param affine 1 + scale and shift [outputs] of the time, see `embeddedAffine`.
 * @param table Neighbours of the voxels behind the re-sampling.
 * @returns [rows behind, outputs]
 */
export function sparseResBlock(
  g: GraphBuilder,
  x: Value,
  affine: readonly [scale: Value, shift: Value],
  key: string,
  outputs: number,
  table: ChunkedTable,
  resampling: Resampling = { direction: 'none' },
): Value {
  const input = resampling.direction === 'down' ? poolDown(g, x, resampling.pooling) : x;
  const channels = input.shape[1] as number;
  // Copying to the fine voxels commutes with all that works row by row, so it waits until after it.
  const first = g.silu(g.layerNorm(input, { eps: BLOCK_NORM_EPS, key: `${key}.norm1` }));
  let h =
    resampling.direction === 'up'
      ? upsampledConv(g, first, resampling.table, `${key}.conv1`, outputs)
      : submanifoldConv(g, first, table, `${key}.conv1`, outputs);
  h = g.layerNorm(h, { eps: BLOCK_NORM_EPS, affine });
  h = submanifoldConv(g, g.silu(h), table, `${key}.conv2`, outputs);
  let skip = channels === outputs ? input : g.linear(input, `${key}.skip_connection`, outputs);
  if (resampling.direction === 'up') skip = g.gather(skip, resampling.parents);
  return g.add(h, skip);
}
