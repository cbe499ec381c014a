import { TerminalError } from '@espalier/contracts';
import { PULL_REMEDY } from './json-file.ts';

import type { PipelineConfig } from './pipeline-config.ts';
import type { RepositoryNetworks } from './repository-files.ts';

/**
 * Networks of different make do not fit together: better said now than by a shape error in mid-job.
 *
 * @throws TerminalError `MODEL_INCONSISTENT` naming both sides and their values.
 */
export function assertConsistent(networks: RepositoryNetworks, pipeline: PipelineConfig, path: string): void {
  const flow = networks.structureFlow.config;
  const decoder = networks.structureDecoder.config;
  const latent = networks.latentFlow.config;
  const mesh = networks.meshDecoder.config;
  const gaussians = networks.gaussianDecoder?.config;
  const grid = flow.resolution * 2 ** (decoder.channels.length - 1);
  const pairs: [string, number, string, number][] = [
    ['channels in and out of sparse_structure_flow_model', flow.in_channels, 'each other', flow.out_channels],
    [
      'out_channels of sparse_structure_flow_model',
      flow.out_channels,
      'latent_channels of its decoder',
      decoder.latent_channels,
    ],
    ['out_channels of sparse_structure_decoder', decoder.out_channels, 'one occupancy', 1],
    [
      'cond_channels of sparse_structure_flow_model',
      flow.cond_channels,
      'those of slat_flow_model',
      latent.cond_channels,
    ],
    ['grid of sparse_structure_decoder', grid, 'resolution of slat_flow_model', latent.resolution],
    ['channels in and out of slat_flow_model', latent.in_channels, 'each other', latent.out_channels],
    [
      'out_channels of slat_flow_model',
      latent.out_channels,
      'slat_normalization',
      pipeline.slat_normalization.mean.length,
    ],
    [
      'out_channels of slat_flow_model',
      latent.out_channels,
      'latent_channels of slat_decoder_mesh',
      mesh.latent_channels,
    ],
    ['resolution of slat_flow_model', latent.resolution, 'resolution of slat_decoder_mesh', mesh.resolution],
  ];
  if (gaussians) {
    pairs.push(
      [
        'out_channels of slat_flow_model',
        latent.out_channels,
        'latent_channels of slat_decoder_gs',
        gaussians.latent_channels,
      ],
      ['resolution of slat_flow_model', latent.resolution, 'resolution of slat_decoder_gs', gaussians.resolution],
    );
  }
  for (const [what, value, other, expected] of pairs) {
    if (value === expected) continue;
    throw new TerminalError(`${path}: ${what} (${value}) does not fit ${other} (${expected})`, {
      code: 'MODEL_INCONSISTENT',
      field: what,
      remedy: PULL_REMEDY,
    });
  }
}
