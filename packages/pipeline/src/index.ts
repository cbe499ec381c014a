export type { CheckpointContent } from './checkpoints/body.ts';
export { type Recipe, recipeDigest, type StageParameters } from './checkpoints/recipe.ts';
export { bakeTextures } from './cpu/bake-textures.ts';
export { CpuPool } from './cpu/cpu-pool.ts';
export { surfaceCrew } from './cpu/surface-crew.ts';
export { SavePace } from './inference/save-pace.ts';
export { ModelFactsSchema, modelFactsOf } from './run/model-facts.ts';
export { type JobResult, type RunJobDeps, runJob } from './run/run-job.ts';
export { runLane } from './run/run-lane.ts';
export { openRuntime, type PipelineRuntime, type RuntimeOptions } from './run/runtime.ts';
export type { StageGraph } from './stages/graph.ts';
export {
  type ModelFacts,
  PIPELINE_CHOICES,
  type PipelineChoices,
  type Stage,
  type StageContent,
  type StageContext,
} from './stages/stage.ts';
export { ESPALIER_VERSION } from './version.ts';
