/** Runs the Python counterpart where its packages are installed. */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface PythonFigures {
  readonly seconds: Readonly<Record<string, number>>;
  readonly cpu_seconds: number;
  readonly peak_bytes: number;
  readonly faces: number;
  readonly decimated: Readonly<Record<string, number>>;
}

/**
 * `ESPALIER_BENCH_PYTHON` names an interpreter that has numpy, pyvista, pymeshfix and xatlas; default `python3`.
 *
 * @returns undefined when it lacks them.
 */
export function runPython(folder: string, name: string, shares: readonly string[]): PythonFigures | undefined {
  const python = process.env.ESPALIER_BENCH_PYTHON ?? 'python3';
  const script = fileURLToPath(new URL('./python/finish.py', import.meta.url));
  try {
    execFileSync(python, ['-c', 'import numpy, pyvista, pymeshfix, xatlas'], { stdio: 'ignore' });
  } catch {
    process.stderr.write(`${name}: not held against Python: ${python} lacks a package (see ESPALIER_BENCH_PYTHON)\n`);
    return undefined;
  }
  const output = execFileSync(python, [script, folder, name, ...shares], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as PythonFigures;
}
