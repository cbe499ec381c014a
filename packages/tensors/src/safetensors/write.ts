/** Writing safetensors files tensor by tensor, so that a file may be larger than memory. */
import { open, rename, rm } from 'node:fs/promises';
import { TerminalError } from '@espalier/contracts';
import { assertTensor, bytesOf } from '../bytes.ts';
import type { Tensor } from '../tensor.ts';
import { namedEntries } from './codec.ts';
import { layOut, type TensorSpec } from './layout.ts';

/** A tensor whose bytes are made while they are written. */
export interface StreamedTensor extends TensorSpec {
  /** Little-endian values in row-major order; called once, when this tensor's turn comes. */
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

type Writable = Tensor | StreamedTensor;

/**
 * Writes a file under a temporary name beside `path` and renames it, so that a reader never sees half a file.
 * @throws TerminalError `TENSOR_INVALID` when values do not fit their dtype and shape; whatever the file system throws
 *   (`ENOSPC`, `EACCES`, ...). In each case nothing is left behind.
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Writable>> | ReadonlyMap<string, Writable>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const layout = layOut(namedEntries(tensors), metadata);
  const partial = `${path}.${process.pid}.part`;
  const handle = await open(partial, 'w');
  try {
    await handle.writeFile(layout.head);
    for (const { key, spec, byteLength } of layout.tensors) {
      let written = 0;
      for await (const chunk of chunksOf(spec, key)) {
        written += chunk.byteLength;
        await handle.writeFile(chunk);
      }
      if (written !== byteLength) {
        throw new TerminalError(`tensor '${key}': gave ${written} bytes, its shape needs ${byteLength}`, {
          code: 'TENSOR_INVALID',
          field: key,
        });
      }
    }
    await handle.close();
    await rename(partial, path);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

function chunksOf(tensor: Writable, key: string): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if ('chunks' in tensor) {
    return tensor.chunks();
  }
  assertTensor(tensor, key);
  return [bytesOf(tensor.data)];
}
