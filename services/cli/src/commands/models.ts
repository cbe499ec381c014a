/** `espalier models`: which models there are, and whether one is whole. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bundledModels, isRandomModel } from '@espalier/contracts';
import { SafetensorsFile } from '@espalier/tensors';
import { ModelRepository } from '@espalier/trellis';
import { chooseModel, fromCwd, openLogger, type PlaceOptions, readSettings, shown } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { count, fileSize, table } from '../progress/format.ts';

export interface ModelsOptions extends Pick<PlaceOptions, 'model'> {
  readonly json?: boolean;
}

interface ListedModel {
  readonly name: string;
  readonly folder: string;
  readonly origin: 'bundled' | 'TRELLIS_MODEL_PATH';
  readonly default: boolean;
  readonly random: boolean;
}

export async function listModels(io: CliIo, options: ModelsOptions): Promise<ExitCode> {
  const settings = readSettings(io);
  const preferred = settings.modelPath === undefined ? bundledModels()[0] : fromCwd(io, settings.modelPath);
  const named = settings.modelPath === undefined ? [] : [fromCwd(io, settings.modelPath)];
  const models: ListedModel[] = [...named, ...bundledModels()].map((folder) => ({
    name: folder.split(/[\\/]/).at(-1) ?? folder,
    folder,
    origin: named.includes(folder) ? 'TRELLIS_MODEL_PATH' : 'bundled',
    default: folder === preferred,
    random: isRandomModel(folder),
  }));
  if (options.json === true) {
    io.out(`${JSON.stringify({ ok: true, models }, null, 2)}\n`);
    return EXIT.ok;
  }
  const rows = models.map((model) => [
    model.default ? '*' : ' ',
    model.name,
    model.origin,
    shown(io, model.folder),
    model.random ? 'random: for trying the pipeline, shapes are noise' : '',
  ]);
  io.out(rows.length === 0 ? 'no models: name a folder in TRELLIS_MODEL_PATH\n' : table(rows));
  return EXIT.ok;
}

export async function verifyModel(io: CliIo, folder: string | undefined, options: ModelsOptions): Promise<ExitCode> {
  const settings = readSettings(io);
  const logger = await openLogger(settings, 'silent');
  const model = chooseModel(io, settings, folder);
  const repository = await ModelRepository.open(model.folder, { huggingFaceHome: settings.huggingFaceHome, logger });
  const text = await repository.textEncoder();
  const files = Object.values(repository.networks)
    .filter((network) => network !== undefined)
    .map(({ role, weightsPath }) => ({ role: String(role), path: weightsPath }));
  const parts = [];
  for (const { role, path } of [...files, { role: 'text_encoder', path: join(text.folder, 'model.safetensors') }]) {
    const file = await SafetensorsFile.open(path);
    parts.push({ role, path, tensors: file.entries.size, bytes: (await stat(path)).size });
    await file.close();
  }
  const revision = await repository.revision();
  const { name } = repository;
  if (options.json === true) {
    io.out(`${JSON.stringify({ ok: true, name, folder: repository.folder, revision, parts }, null, 2)}\n`);
    return EXIT.ok;
  }
  io.out(`${name} is whole: configs, weights and text encoder are there and readable\n`);
  io.out(
    table(
      parts.map((part) => ['', part.role, count(part.tensors, 'tensor'), fileSize(part.bytes), shown(io, part.path)]),
    ),
  );
  io.out(`  revision ${revision}\n`);
  return EXIT.ok;
}
