/** Meshes between contents and geometry. */
import type { RawMesh } from '@espalier/geometry';
import { float32, floatToHalf, halfToFloat, type Tensor } from '@espalier/tensors';
import type { CheckpointContent } from '../checkpoints/body.ts';
import { float32Of, type TensorForm, tensorOf, uint32Of } from './stage.ts';

/** Forms of a mesh with colours. Colours are 16-bit floats, finer than the 8 bits that textures have. */
export const MESH_FORMS = {
  positions: { dtype: 'F32', shape: [null, 3] },
  indices: { dtype: 'I32', shape: [null, 3] },
  attributes: { dtype: 'F16', shape: [null, 6] },
} as const satisfies Record<string, TensorForm>;

export function meshOf(content: CheckpointContent): RawMesh {
  const { data } = tensorOf(content, 'attributes');
  if (!(data instanceof Uint16Array)) throw new Error("tensor 'attributes' is not F16");
  return {
    positions: float32Of(content, 'positions'),
    indices: uint32Of(content, 'indices'),
    attributes: halfToFloat(data),
  };
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
