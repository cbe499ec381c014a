/** Velocities of a flow model at one sample and time under several conditions, as classifier-free guidance asks for. */
import type { Device } from '@espalier/onnx';
import { float32, type Tensor } from '@espalier/tensors';

/**
 * On a GPU in one evaluation: what comes before the first look at the text is worked out once, and what remains in
 * kernels that are filled better. On the CPU one by one, which needs half the memory and takes no longer.
 *
 * @param conditions Each [1, L, C].
 * @param run Evaluates the network for conditions [B, L, C]; its `out` has their velocities one behind another.
 */
export async function velocitiesOf(
  conditions: readonly Tensor<Float32Array>[],
  device: Device,
  run: (cond: Tensor<Float32Array>) => Promise<Record<string, Tensor>>,
): Promise<Float32Array[]> {
  if (device === 'cuda') return parts(await run(stacked(conditions)), conditions.length);
  const velocities: Float32Array[] = [];
  for (const condition of conditions) velocities.push(...parts(await run(condition), 1));
  return velocities;
}

function parts({ out }: Record<string, Tensor>, count: number): Float32Array[] {
  const all = out?.data as Float32Array;
  const length = all.length / count;
  return Array.from({ length: count }, (_, i) => all.subarray(i * length, (i + 1) * length));
}

/** Several [1, L, C] as one [B, L, C]. */
function stacked(tensors: readonly Tensor<Float32Array>[]): Tensor<Float32Array> {
  const data = new Float32Array(tensors.reduce((length, tensor) => length + tensor.data.length, 0));
  let at = 0;
  for (const tensor of tensors) {
    data.set(tensor.data, at);
    at += tensor.data.length;
  }
  // Of unequal lengths it would not be B times the first one's: whoever takes it checks.
  return float32([tensors.length, ...(tensors[0]?.shape.slice(1) ?? [])], data);
}
