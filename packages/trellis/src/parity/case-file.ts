/** One file of recorded inputs and outputs. */
import { basename } from 'node:path';
import { TerminalError } from '@espalier/contracts';
import { SafetensorsFile, type Tensor, type TensorData } from '@espalier/tensors';

export class CaseFile {
  /** File name without its ending. */
  readonly name: string;
  readonly #file: SafetensorsFile;

  private constructor(path: string, file: SafetensorsFile) {
    this.name = basename(path, '.safetensors');
    this.#file = file;
  }

  /** @throws TerminalError as `SafetensorsFile.open`. */
  static async open(path: string): Promise<CaseFile> {
    return new CaseFile(path, await SafetensorsFile.open(path));
  }

  get keys(): string[] {
    return [...this.#file.entries.keys()];
  }

  has(key: string): boolean {
    return this.#file.entries.has(key);
  }

  shape(key: string): readonly number[] {
    return this.#file.entries.get(key)?.shape ?? [];
  }

  /** @throws TerminalError `SAFETENSORS_KEY_MISSING`. */
  read(key: string): Promise<Tensor> {
    return this.#file.read(key);
  }

  /** @throws TerminalError `SAFETENSORS_KEY_MISSING`, `TENSOR_INVALID` when it is not of a float type. */
  floats(key: string): Promise<Tensor<Float32Array>> {
    return this.#file.readFloat32(key);
  }

  /** @throws TerminalError `SAFETENSORS_KEY_MISSING`, `PARITY_CASE_INVALID` when it is not int32. */
  async integers(key: string): Promise<Tensor<Int32Array>> {
    const { dtype, shape, data } = await this.#file.read(key);
    return { dtype, shape, data: this.#typed(key, data, Int32Array) };
  }

  /**
   * A parameter of the case: a JSON value in the file's metadata.
   * @throws TerminalError `PARITY_CASE_INVALID` when it is missing or not JSON.
   */
  parameter(key: string): unknown {
    const text = this.#file.metadata[key];
    try {
      return JSON.parse(text ?? '');
    } catch (cause) {
      throw this.invalid(key, text === undefined ? 'the metadata lack it' : `'${text}' is not JSON`, cause);
    }
  }

  invalid(field: string, problem: string, cause?: unknown): TerminalError {
    return new TerminalError(`parity case ${this.name}: '${field}': ${problem}`, {
      code: 'PARITY_CASE_INVALID',
      field,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #typed<D extends TensorData>(key: string, data: TensorData, type: new (length: number) => D): D {
    if (!(data instanceof type)) {
      throw this.invalid(key, `must be ${type.name}, is ${data.constructor.name}`);
    }
    return data;
  }
}
