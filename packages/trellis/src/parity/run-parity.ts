/**
 * Runs the recorded cases of a goldens folder through the networks and compares every tensor.
 *
 * A goldens folder holds `cases/*.safetensors`. The cases that need networks also need a model repository, a folder
 * with a `pipeline.json`: the goldens folder, one in it, or the one that it lies in. The kind of a case is the beginning
 * of its file's name.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, TerminalError } from '@espalier/contracts';
import type { DeviceChoice } from '@espalier/onnx';
import { ModelRepository } from '../repository/index.ts';
import { CaseFile } from './case-file.ts';
import { CASE_KINDS } from './cases/index.ts';
import { difference, type ParityRow } from './compare.ts';
import type { CaseContext, CaseKind } from './parity-case.ts';
import { allowedDifference, type ErrorTable, readErrorTable } from './tolerances.ts';

export interface ParityOptions {
  readonly device: DeviceChoice;
  /** Threads inside an operation. @defaultValue all that the process may use */
  readonly threads?: number;
  readonly logger?: Logger;
  /** Called with each row as soon as it is known. */
  readonly onRow?: (row: ParityRow) => void;
  /** Only cases whose name this accepts. */
  readonly only?: (name: string) => boolean;
}

/**
 * @returns One row per recorded tensor that is no input. A key that no network gives is a row that fails.
 * @throws TerminalError `PARITY_FOLDER_INVALID` when the folder has no cases; `PARITY_CASE_INVALID`; whatever opening
 *   the model or a network throws.
 */
export async function runParity(folder: string, options: ParityOptions): Promise<ParityRow[]> {
  const names = (await caseNames(folder)).filter(options.only ?? (() => true));
  const table = await readErrorTable(folder);
  const { device, threads, logger } = options;
  const settings = {
    device,
    ...(threads === undefined ? {} : { threads }),
    ...(logger === undefined ? {} : { logger }),
  };
  let model: Promise<ModelRepository> | undefined;
  const openModel = () => {
    model ??= findRepository(folder).then((path) => ModelRepository.open(path));
    return model;
  };
  const rows: ParityRow[] = [];
  for (const name of names) {
    const file = await CaseFile.open(join(folder, 'cases', `${name}.safetensors`));
    try {
      for await (const row of runCase({ file, model: openModel, settings }, table)) {
        rows.push(row);
        options.onRow?.(row);
      }
    } finally {
      await file.close();
    }
  }
  return rows;
}

async function* runCase(context: CaseContext, table: ErrorTable): AsyncGenerator<ParityRow> {
  const { file } = context;
  const kind = kindOf(file);
  const left = new Set(file.keys.filter((key) => !kind.inputs.includes(key)));
  for await (const { key, kind: tensorKind, ...actual } of kind.compute(context)) {
    if (left.delete(key)) {
      const expected = await file.read(key);
      const allowed = allowedDifference(table, file.name, key, tensorKind, expected);
      const found = difference(actual, expected);
      yield { case: file.name, key, shape: expected.shape, ...found, allowed, ok: found.maxAbs <= allowed };
    }
  }
  for (const key of left) {
    const none = Number.POSITIVE_INFINITY;
    const note = `a ${kind.prefix} case has no such value`;
    yield { case: file.name, key, shape: file.shape(key), maxAbs: none, maxRel: none, allowed: 0, ok: false, note };
  }
}

function kindOf(file: CaseFile): CaseKind {
  const kind = CASE_KINDS.find(({ prefix }) => file.name.startsWith(prefix));
  if (kind === undefined) {
    const known = CASE_KINDS.map(({ prefix }) => `${prefix}*`).join(', ');
    throw file.invalid('name', `no kind of case has this name; known: ${known}`);
  }
  return kind;
}

async function caseNames(folder: string): Promise<string[]> {
  const files = await readdir(join(folder, 'cases')).catch((cause: unknown) => {
    throw invalidFolder(folder, 'cannot read its folder cases/', cause);
  });
  const names = files
    .filter((name) => name.endsWith('.safetensors'))
    .map((name) => name.slice(0, -'.safetensors'.length));
  if (names.length === 0) {
    throw invalidFolder(folder, 'cases/ holds no .safetensors file');
  }
  return names.sort();
}

async function findRepository(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
  for (const candidate of [folder, ...folders.sort().map((name) => join(folder, name)), join(folder, '..')]) {
    const found = await stat(join(candidate, 'pipeline.json')).catch(() => undefined);
    if (found?.isFile()) {
      return candidate;
    }
  }
  throw invalidFolder(
    folder,
    'has no model: neither it, nor a folder in it, nor the one around it has a pipeline.json',
  );
}

function invalidFolder(folder: string, problem: string, cause?: unknown): TerminalError {
  return new TerminalError(`${folder}: ${problem}`, {
    code: 'PARITY_FOLDER_INVALID',
    field: folder,
    remedy: 'Give a folder with cases/*.safetensors and a model repository, like packages/trellis/test/goldens.',
    ...(cause === undefined ? {} : { cause }),
  });
}
