/** Meshes between contents and geometry. */
import type { RawMesh } from '@espalier/geometry';
import { float32, floatToHalf, halfToFloat, type Tensor } from '@espalier/tensors';
import type { CheckpointContent } from '../checkpoints/body.ts';
import type { PackedGaussians } from '../cpu/packed-gaussians.ts';
import { float32Of, type TensorForm, tensorOf, uint32Of } from './stage.ts';

/** Forms of a mesh with colours. Colours are 16-bit floats, finer than the 8 bits that textures have. */
export const MESH_FORMS = {
  positions: { dtype: 'F32', shape: [null, 3] },
  indices: { dtype: 'I32', shape: [null, 3] },
  attributes: { dtype: 'F16', shape: [null, 6] },
} as const satisfies Record<string, TensorForm>;

/** @param prefix what the names of its tensors begin with */
export function meshOf(content: CheckpointContent, prefix = ''): RawMesh {
  return {
    positions: float32Of(content, `${prefix}positions`),
    indices: uint32Of(content, `${prefix}indices`),
    attributes: halfToFloat(halfOf(content, `${prefix}attributes`)),
  };
}

/** The same values under longer names. */
export function prefixed<T>(prefix: string, values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
}

/** @returns undefined where the decoder gave none */
export function gaussiansOf(content: CheckpointContent): PackedGaussians | undefined {
  if (!((content.tensors['gaussians.positions']?.shape[0] ?? 0) > 0)) return undefined;
  return {
    positions: float32Of(content, 'gaussians.positions'),
    sh0: halfOf(content, 'gaussians.sh0'),
    scales: halfOf(content, 'gaussians.scales'),
    rotations: halfOf(content, 'gaussians.rotations'),
    opacities: halfOf(content, 'gaussians.opacities'),
  };
}

function halfOf(content: CheckpointContent, name: string): Uint16Array {
  const { data } = tensorOf(content, name);
  if (!(data instanceof Uint16Array)) throw new Error(`tensor '${name}' is not F16`);
  return data;
}

export function meshTensors(mesh: RawMesh): Record<keyof typeof MESH_FORMS, Tensor> {
  return {
    positions: float32([mesh.positions.length / 3, 3], mesh.positions),
    indices: unsigned([mesh.indices.length / 3, 3], mesh.indices),
    attributes: {
      dtype: 'F16',
      shape: [mesh.attributes.length / 6, 6],
      data: floatToHalf(mesh.attributes),
    },
  };
}

/** Safetensors has no unsigned 32-bit type; vertex numbers stay far below 2^31. */
export function unsigned(shape: readonly number[], values: Uint32Array): Tensor<Int32Array> {
  return { dtype: 'I32', shape, data: new Int32Array(values.buffer, values.byteOffset, values.length) };
}
