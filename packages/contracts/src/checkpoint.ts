/**
 * What a checkpoint says of itself. It stands in the safetensors header's `__metadata__` as one JSON text under
 * `espalier`, and makes a file readable without the job that wrote it.
 */
import { z } from 'zod';
import { Sha256Schema } from './digest.ts';
import { StageSchema } from './stages.ts';

export const CHECKPOINT_METADATA_KEY = 'espalier';

export const CheckpointMetadataSchema = z.object({
  stage: StageSchema,
  /** Raised whenever the stage's meaning changes: older checkpoints are then no longer found. */
  stage_version: z.int().min(1),
  model_revision: z.string(),
  /** The stage's own parameters: part of the digest. */
  parameters: z.record(z.string(), z.unknown()),
  /** Digests of the checkpoints this one was computed from. */
  inputs: z.record(z.string(), Sha256Schema),
  /** Sampler steps done, in a checkpoint taken in the middle of a stage; absent in a finished one. */
  step: z.int().min(0).optional(),
  /** Whatever the stage needs to go on that is no tensor: generator position, reports, counts. */
  state: z.unknown().optional(),
});
export type CheckpointMetadata = z.infer<typeof CheckpointMetadataSchema>;
