export { type ParityOptions, type ParityRow, runParity } from './parity/index.ts';
export {
  ModelRepository,
  type RepositoryOptions,
  type SamplerConfig,
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
