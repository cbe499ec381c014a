/**
 * The weights of one network: the tensors of one or several safetensors files under one set of keys, with a record of
 * which of them the network took. Only headers are read; graphs point into the files.
 */
import { TerminalError } from '@espalier/contracts';
import { type Dtype, SafetensorsFile, type Tensor } from '@espalier/tensors';

/** Where a weight stands. */
export interface WeightEntry {
  readonly key: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Absolute path of the file, links resolved. */
  readonly path: string;
  /** Absolute position in the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

export class Checkpoint {
  readonly #files: readonly SafetensorsFile[];
  readonly #entries = new Map<string, WeightEntry>();
  readonly #fileOf = new Map<string, SafetensorsFile>();
  readonly #taken = new Set<string>();

  private constructor(files: readonly SafetensorsFile[]) {
    this.#files = files;
    for (const file of files) {
      for (const [key, { dtype, shape, offset, byteLength }] of file.entries) {
        const other = this.#entries.get(key);
        if (other !== undefined) {
          throw mismatch(key, `is in two files of one checkpoint: ${other.path} and ${file.path}`);
        }
        this.#entries.set(key, { key, dtype, shape, offset, byteLength, path: file.path });
        this.#fileOf.set(key, file);
      }
    }
  }

  /**
   * Opens the files of one network. The caller closes the checkpoint; graphs built from it stay valid.
   * @throws TerminalError as `SafetensorsFile.open`; `CHECKPOINT_MISMATCH` when two files hold the same key.
   */
  static async open(...paths: string[]): Promise<Checkpoint> {
    const files: SafetensorsFile[] = [];
    try {
      for (const path of paths) {
        files.push(await SafetensorsFile.open(path));
      }
      return new Checkpoint(files);
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** All keys, in the order of the files. */
  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /** The entry of a key, not taken yet; undefined when there is none. */
  peek(key: string): WeightEntry | undefined {
    return this.#entries.get(key);
  }

  /**
   * Takes a weight into use.
   * @throws TerminalError `CHECKPOINT_MISMATCH` naming the key when it is missing or has another shape.
   */
  take(key: string, shape: readonly number[]): WeightEntry {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      throw mismatch(key, `is missing from ${this.#describe()}`);
    }
    if (entry.shape.length !== shape.length || entry.shape.some((extent, axis) => extent !== shape[axis])) {
      throw mismatch(key, `has shape [${entry.shape}], the config asks for [${shape}] (${entry.path})`);
    }
    this.#taken.add(key);
    return entry;
  }

  /** Marks a key as known and not needed: a buffer that follows from the config. Absent keys are fine. */
  ignore(key: string): void {
    this.#taken.add(key);
  }

  /**
   * Reads a weight's values, for what is computed outside of graphs. Takes it into use.
   * @throws TerminalError `CHECKPOINT_MISMATCH` as `take`.
   */
  async readFloat32(key: string, shape: readonly number[]): Promise<Tensor<Float32Array>> {
    this.take(key, shape);
    const file = this.#fileOf.get(key);
    if (file === undefined) {
      throw mismatch(key, 'has no file');
    }
    return file.readFloat32(key);
  }

  /**
   * To be called when all graphs of the network are built.
   * @throws TerminalError `CHECKPOINT_MISMATCH` naming the weights that no graph took: the config is of another network.
   */
  assertAllTaken(): void {
    const unused = [...this.#entries.keys()].filter((key) => !this.#taken.has(key));
    if (unused.length > 0) {
      const shown = unused.slice(0, 8).join(', ') + (unused.length > 8 ? `, ... (${unused.length} in all)` : '');
      throw mismatch(unused[0] ?? '', `is not used by the network that the config describes; unused: ${shown}`);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  #describe(): string {
    return this.#files.map((file) => file.path).join(', ');
  }
}

function mismatch(key: string, problem: string): TerminalError {
  return new TerminalError(`weight '${key}' ${problem}`, {
    code: 'CHECKPOINT_MISMATCH',
    field: key,
    remedy: 'Check that the .json and the .safetensors files belong together and are complete.',
  });
}
