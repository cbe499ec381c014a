/**
 * A safetensors file opened for reading by ranges: only the header and the tensors asked for are ever read, so a
 * checkpoint of 4 GB costs the memory of its header.
 */
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { TerminalError } from '@espalier/contracts';
import { dataFromBytes } from '../bytes.ts';
import { bfloat16ToFloat, halfToFloat } from '../half.ts';
import { float32, type Tensor } from '../tensor.ts';
import { invalidFile } from './errors.ts';
import {
  LENGTH_BYTES,
  parseHeader,
  parseHeaderLength,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from './header.ts';

/** One read asks the system for at most this many bytes: a single read of 2 GiB or more is refused. */
const READ_BYTES = 1 << 30;

export class SafetensorsFile {
  /** Absolute path with all links resolved (Hugging Face caches hold links into `blobs/`). */
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** By key, in the order of the header. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly #handle: FileHandle;

  private constructor(path: string, header: SafetensorsHeader, handle: FileHandle) {
    this.path = path;
    this.metadata = header.metadata;
    this.entries = header.entries;
    this.#handle = handle;
  }

  /**
   * Opens a file and checks its header. The caller closes it.
   * @throws TerminalError `SAFETENSORS_NOT_FOUND` when it cannot be opened, `SAFETENSORS_INVALID` when it breaks the
   *   format; both name the file, the second the tensor too.
   */
  static async open(path: string): Promise<SafetensorsFile> {
    let handle: FileHandle | undefined;
    let real: string;
    try {
      real = await realpath(path);
      handle = await open(real, 'r');
      const stat = await handle.stat();
      if (!stat.isFile()) {
        throw new Error('not a regular file');
      }
      const start = await readRange(handle, 0, Math.min(LENGTH_BYTES, stat.size), path);
      const length = parseHeaderLength(start, stat.size, path);
      const json = await readRange(handle, LENGTH_BYTES, length, path);
      return new SafetensorsFile(real, parseHeader(json, stat.size, path), handle);
    } catch (error) {
      await handle?.close();
      if (error instanceof TerminalError) {
        throw error;
      }
      throw new TerminalError(`${path}: cannot be opened (${error instanceof Error ? error.message : error})`, {
        code: 'SAFETENSORS_NOT_FOUND',
        field: path,
        remedy: 'Check the path and its permissions, or fetch the file again.',
        cause: error,
      });
    }
  }

  /**
   * Reads one tensor in the dtype of the file.
   * @throws TerminalError `SAFETENSORS_KEY_MISSING`; `SAFETENSORS_INVALID` when the file has shrunk since it was opened.
   */
  async read(key: string): Promise<Tensor> {
    const entry = this.entries.get(key);
    if (entry === undefined) {
      throw new TerminalError(`${this.path}: no tensor '${key}'`, { code: 'SAFETENSORS_KEY_MISSING', field: key });
    }
    const bytes = await readRange(this.#handle, entry.offset, entry.byteLength, this.path, key);
    return { dtype: entry.dtype, shape: entry.shape, data: dataFromBytes(entry.dtype, bytes) };
  }

  /**
   * Reads one tensor of dtype F32, F16 or BF16 as float32; widening is exact.
   * @throws TerminalError as `read`; `TENSOR_INVALID` for other dtypes.
   */
  async readFloat32(key: string): Promise<Tensor<Float32Array>> {
    return toFloat32(await this.read(key), `${this.path}: ${key}`);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * A tensor of dtype F32, F16 or BF16 as float32; F32 is not copied.
 * @throws TerminalError `TENSOR_INVALID` for other dtypes, naming `name`.
 */
export function toFloat32(tensor: Tensor, name: string): Tensor<Float32Array> {
  const { dtype, shape, data } = tensor;
  if (dtype === 'F32' && data instanceof Float32Array) {
    return float32(shape, data);
  }
  if (dtype === 'F16' && data instanceof Uint16Array) {
    return float32(shape, halfToFloat(data));
  }
  if (dtype === 'BF16' && data instanceof Uint16Array) {
    return float32(shape, bfloat16ToFloat(data));
  }
  throw new TerminalError(`${name}: dtype ${dtype} is none of F32, F16, BF16`, { code: 'TENSOR_INVALID', field: name });
}

async function readRange(
  handle: FileHandle,
  offset: number,
  byteLength: number,
  file: string,
  field = 'header',
): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  let filled = 0;
  while (filled < byteLength) {
    const { bytesRead } = await handle.read(bytes, filled, Math.min(READ_BYTES, byteLength - filled), offset + filled);
    if (bytesRead === 0) {
      throw invalidFile(file, field, `the file ends ${byteLength - filled} bytes too early`);
    }
    filled += bytesRead;
  }
  return bytes;
}
