/** The stages of a job, in order, and the lanes that serve them. */
import { z } from 'zod';

export const STAGES = ['condition', 'structure', 'latent', 'decode', 'surface', 'texture', 'export'] as const;
export const StageSchema = z.enum(STAGES);
export type StageName = z.infer<typeof StageSchema>;

export const LANES = ['gpu', 'cpu'] as const;
export type Lane = (typeof LANES)[number];

/** Everything up to `decode` needs the networks; the rest never holds an accelerator. */
export const STAGE_LANES: Readonly<Record<StageName, Lane>> = {
  condition: 'gpu',
  structure: 'gpu',
  latent: 'gpu',
  decode: 'gpu',
  surface: 'cpu',
  texture: 'cpu',
  export: 'cpu',
};

/** What a worker can serve, each with a queue of its own: `generate` needs an accelerator, `finish` none. */
export const WORK_LANES = ['generate', 'finish'] as const;
export type WorkLane = (typeof WORK_LANES)[number];

/** A lane has done its share of a job; the rest is another one's. */
export interface HandOver {
  readonly handOver: WorkLane;
}
