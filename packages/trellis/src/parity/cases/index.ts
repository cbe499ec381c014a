import type { CaseKind } from '../parity-case.ts';
import { endToEnd } from './end-to-end.ts';
import { flexicubes } from './flexicubes.ts';
import { gaussianDecoder } from './gaussian-decoder.ts';
import { latentFlow } from './latent-flow.ts';
import { meshDecoder } from './mesh-decoder.ts';
import { randn } from './randn.ts';
import { structureFlow } from './structure-flow.ts';
import { structureSample } from './structure-sample.ts';
import { textEncoder } from './text-encoder.ts';

export const CASE_KINDS: readonly CaseKind[] = [
  randn,
  textEncoder,
  structureFlow,
  structureSample,
  latentFlow,
  gaussianDecoder,
  meshDecoder,
  endToEnd,
  flexicubes,
];
