/**
 * `results/<id>/stats.json`, written last: its presence means that the job is done. The first five fields are
 * those of the TRELLIS RunPod worker; counts are of the exported mesh.
 */
import { z } from 'zod';
import { SEED_MAX } from './job-input.ts';
import { STAGES } from './stages.ts';

const count = z.int().min(0);
const seconds = z.number().min(0);
const point = z.tuple([z.number(), z.number(), z.number()]);

/** What the text encoder made of the prompt. */
export const TokenReportSchema = z.object({
  /** Tokens of the whole prompt, start and end markers included. */
  tokens: count,
  /** Tokens that the encoder saw. */
  used: count,
  truncated: z.boolean(),
  /** The end of the prompt that the encoder did not see; empty when nothing was cut. */
  truncated_text: z.string(),
  /** Words that a model with a closed vocabulary does not know. */
  unknown_words: z.array(z.string()),
  /** How to get a model that knows them. Absent where all words are known. */
  remedy: z.string().optional(),
});
export type TokenReportRecord = z.infer<typeof TokenReportSchema>;

export const StageStatsSchema = z.object({
  /** Wall time of the run that computed it, or that found its checkpoint. */
  seconds,
  /** Not computed for this job: an earlier one's checkpoint served. */
  cached: z.boolean(),
  /** Sampler steps computed in that run, and the step it began at. */
  steps: count.optional(),
  resumed_from_step: count.optional(),
});
export type StageStats = z.infer<typeof StageStatsSchema>;

/** Findings of the Khronos glTF validator on the exported file. */
export const ValidatorSummarySchema = z.object({
  version: z.string(),
  errors: count,
  warnings: count,
  infos: count,
  hints: count,
});
export type ValidatorSummary = z.infer<typeof ValidatorSummarySchema>;

/** What became of the decoder's mesh before it was textured: faces, holes, world units. */
export const CleaningSchema = z.object({
  /** Faces with corners that are no finite numbers, or no corners at all. */
  broken_faces: count,
  /** Faces that cannot be seen from outside. */
  hidden_faces: count,
  speck_faces: count,
  holes_closed: count,
  holes_left: count,
  /** What `simplify` counts from. */
  clean_faces: count,
  /** Largest estimated error of the simplification. */
  simplify_error: z.number().min(0),
});

/** The exported asset as a surface, and what its texture is used for. */
export const AssetStatsSchema = z.object({
  vertices: count,
  faces: count,
  /** Of the surface before charts split it, as are the next six. */
  components: count,
  boundary_edges: count,
  non_manifold_edges: count,
  watertight: z.boolean(),
  manifold: z.boolean(),
  /** Square and cubic world units. */
  area: z.number(),
  volume: z.number(),
  /** Share of the texture that charts cover, and of the charts that lies over others. */
  uv_coverage: z.number(),
  uv_overlap: z.number(),
  /** Along one world unit, on average. */
  texels_per_unit: z.number(),
  /** Of `model.glb`. */
  bytes: z.object({ total: count, json: count, geometry: count, images: count }),
  unwrap: z.string(),
  charts: count,
  baked_from: z.enum(['gaussians', 'vertices']),
});
export type AssetStatsRecord = z.infer<typeof AssetStatsSchema>;

export const JobStatsSchema = z.object({
  vertex_count: count,
  face_count: count,
  glb_size_bytes: count,
  /** Wall time of the run that ended the job, and of the stages that other runs computed for it before. */
  generation_time_seconds: seconds,
  seed_used: z.int().min(0).max(SEED_MAX),

  id: z.string(),
  prompt: z.string(),
  simplify: z.number(),
  texture_size: count,
  tags: z.record(z.string(), z.string()),
  /** The mesh as the decoder gave it, before any cleaning. */
  raw_vertex_count: count,
  raw_face_count: count,
  /** Corners of the exported mesh's box, metres, y up. */
  bounds: z.object({ min: point, max: point }),
  /** Absent in results that versions before 0.2 wrote. */
  cleaning: CleaningSchema.optional(),
  asset: AssetStatsSchema.optional(),
  /** Bytes of each file in `results/<id>/` but this one. Absent as those two. */
  files: z.record(z.string(), count).optional(),
  stages: z.partialRecord(z.enum(STAGES), StageStatsSchema),
  /** Highest resident memory seen, in bytes. */
  peak_memory_bytes: z.object({ main: count, inference: count.optional() }),
  device: z.string(),
  model: z.object({ name: z.string(), revision: z.string() }),
  tokens: TokenReportSchema,
  validator: ValidatorSummarySchema,
  espalier_version: z.string(),
});
export type JobStats = z.infer<typeof JobStatsSchema>;
