/** The Python that runs the PyTorch side: one that is given, or a virtual environment made from pinned requirements. */
import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Path of a Python with PyTorch. `ESPALIER_PYTHON` names one; without it `bench/networks/.venv` is made when first
 * needed, which downloads PyTorch.
 */
export function referencePython(): string {
  const given = process.env.ESPALIER_PYTHON;
  if (given !== undefined && given !== '') {
    return given;
  }
  const folder = fileURLToPath(new URL('.venv', import.meta.url));
  const python = `${folder}/bin/python`;
  if (!existsSync(python)) {
    const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
    const inherit: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'inherit'] };
    execFileSync('python3', ['-m', 'venv', folder], inherit);
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], inherit);
  }
  return python;
}
