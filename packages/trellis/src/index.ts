export { type ParityOptions, type ParityRow, runParity } from './parity/index.ts';
export {
  DEFAULT_TEXT_ENCODER,
  isRepositoryName,
  ModelRepository,
  ownerAliases,
  PUBLISHED_MODELS,
  PULLED_REF,
  type PublishedModel,
  type RepositoryOptions,
  readPipelineConfig,
  repositoryOf,
  type SamplerConfig,
  TEXT_ENCODER_FILES,
} from './repository/index.ts';
export type {
  SamplerOverrides,
  SamplerParams,
  SamplerState,
  SamplerStep,
} from './samplers/index.ts';
export type { TokenReport } from './text/index.ts';
export {
  type EncodedText,
  type LatentRequest,
  type MeshCells,
  type ModelDescription,
  type SamplingRequest,
  TrellisModel,
  type TrellisModelOptions,
} from './trellis-model.ts';
