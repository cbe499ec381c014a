import { ensureError, OUT_OF_MEMORY_MESSAGE, RetryableError, TerminalError } from '@espalier/contracts';
import type { Device } from './device.ts';

/** How ONNX Runtime, CUDA, cuBLAS and cuDNN say that memory ran out. */
const OUT_OF_MEMORY =
  /out of memory|failed to allocate|bad_alloc|ALLOC_FAILED|resource allocation failed|cudaErrorMemoryAllocation|smaller than requested bytes/i;

export function isOutOfMemory(thrown: unknown): boolean {
  return OUT_OF_MEMORY.test(ensureError(thrown).message);
}

/** The error of the taxonomy for what the runtime threw from a run. */
export function runError(graph: string, device: Device, thrown: unknown): Error {
  const { message } = ensureError(thrown);
  if (isOutOfMemory(thrown)) {
    return device === 'cuda'
      ? new TerminalError(OUT_OF_MEMORY_MESSAGE, {
          code: 'GPU_OUT_OF_MEMORY',
          cause: thrown,
        })
      : new RetryableError(`graph ${graph}: out of memory`, {
          code: 'OUT_OF_MEMORY',
          remedy: 'Run on a machine with more memory, or fewer jobs at a time.',
          cause: thrown,
        });
  }
  return new TerminalError(`graph ${graph}: ${message}`, { code: 'INFERENCE_FAILED', cause: thrown });
}
