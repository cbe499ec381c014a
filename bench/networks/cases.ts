/**
 * The networks that are measured: each of a middle size, large enough that its arithmetic and not its calls decide, small
 * enough that a run takes a second on two cores. Configs as in a checkpoint's `.json`.
 */

export interface NetworkCase {
  /** What the table calls it, and the stem of its files. */
  readonly name: string;
  /** Class name, as in the checkpoint's config. */
  readonly network: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** Voxels of the input, for sparse networks: about so many, the nearest to a sphere's surface. */
  readonly voxels?: number;
}

const flow = {
  in_channels: 8,
  out_channels: 8,
  model_channels: 512,
  cond_channels: 768,
  num_blocks: 6,
  num_heads: 8,
  mlp_ratio: 4,
  pe_mode: 'ape',
  qk_rms_norm: true,
  use_fp16: true,
};

const decoder = {
  resolution: 64,
  model_channels: 512,
  latent_channels: 8,
  num_heads: 8,
  mlp_ratio: 4,
  attn_mode: 'swin',
  window_size: 8,
  use_fp16: true,
};

export const NETWORK_CASES: readonly NetworkCase[] = [
  {
    name: 'clip',
    network: 'CLIPTextModel',
    args: {
      vocab_size: 49408,
      hidden_size: 512,
      intermediate_size: 2048,
      num_hidden_layers: 12,
      num_attention_heads: 8,
      max_position_embeddings: 77,
    },
  },
  {
    name: 'structure-flow',
    network: 'SparseStructureFlowModel',
    args: { ...flow, resolution: 16, patch_size: 1, qk_rms_norm_cross: true },
  },
  {
    name: 'structure-decoder',
    network: 'SparseStructureDecoder',
    args: {
      out_channels: 1,
      latent_channels: 8,
      num_res_blocks: 2,
      num_res_blocks_middle: 2,
      channels: [256, 64, 16],
      use_fp16: true,
    },
  },
  {
    name: 'latent-flow',
    network: 'SLatFlowModel',
    args: { ...flow, resolution: 64, patch_size: 2, num_io_res_blocks: 2, io_block_channels: [128] },
    voxels: 8000,
  },
  {
    name: 'gaussian-decoder',
    network: 'SLatGaussianDecoder',
    args: {
      ...decoder,
      num_blocks: 6,
      representation_config: {
        lr: { _xyz: 1, _features_dc: 1, _opacity: 1, _scaling: 1, _rotation: 0.1 },
        perturb_offset: true,
        voxel_size: 1.5,
        num_gaussians: 32,
        '2d_filter_kernel_size': 0.1,
        '3d_filter_kernel_size': 0.0009,
        scaling_bias: 0.004,
        opacity_bias: 0.1,
        scaling_activation: 'softplus',
      },
    },
    voxels: 8000,
  },
  {
    name: 'mesh-decoder',
    network: 'SLatMeshDecoder',
    args: { ...decoder, num_blocks: 4, representation_config: { use_color: true } },
    voxels: 2000,
  },
];

/** Extent of the occupancy latent that the structure decoder is run on. */
export const LATENT_RESOLUTION = 16;
