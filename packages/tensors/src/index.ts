export { assertTensor, bytesOf, dataFromBytes } from './bytes.ts';
export * from './half.ts';
export { type GeneratorState, generatorStateSchema, TorchGenerator } from './random/torch-generator.ts';
export { decodeSafetensors, encodeSafetensors, type NamedTensors } from './safetensors/codec.ts';
export { SafetensorsFile, toFloat32 } from './safetensors/file.ts';
export type { SafetensorsEntry } from './safetensors/header.ts';
export type { TensorSpec } from './safetensors/layout.ts';
export { type StreamedTensor, writeSafetensors } from './safetensors/write.ts';
export * from './tensor.ts';
