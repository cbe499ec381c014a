import { TerminalError } from '@espalier/contracts';

/**
 * A safetensors file that breaks the format.
 * @param file Path or name of the file.
 * @param field Tensor key, or part of the file (`header`, `__metadata__`), at fault.
 */
export function invalidFile(file: string, field: string, problem: string, cause?: unknown): TerminalError {
  return new TerminalError(`${file}: '${field}': ${problem}`, {
    code: 'SAFETENSORS_INVALID',
    field,
    remedy: 'Fetch or write the file again; if it stays so, it is not a valid safetensors file.',
    ...(cause === undefined ? {} : { cause }),
  });
}
