export { parseNetworkArgs, readNetworkConfig } from '../repository/index.ts';
export { ClipTextEncoder } from './clip-text-encoder.ts';
export { SLatFlow } from './slat-flow.ts';
export { GaussianDecoder } from './slat-gaussian-decoder.ts';
export { MeshDecoder } from './slat-mesh-decoder.ts';
export { StructureDecoder } from './structure-decoder.ts';
export { StructureFlow } from './structure-flow.ts';
