/** `espalier models`: which models there are, and whether one is whole. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bundledModels, isRandomModel, TerminalError } from '@espalier/contracts';
import { SafetensorsFile } from '@espalier/tensors';
import { ModelRepository, PUBLISHED_MODELS, repositoryOf } from '@espalier/trellis';
import { HubCache, pulledModels, verifyPulled } from '@espalier/weights';
import { chooseModel, openLogger, type PlaceOptions, readSettings, shown } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { count, fileSize, table } from '../progress/format.ts';
import { TransferBar } from '../progress/transfer-bar.ts';

export interface ModelsOptions extends Pick<PlaceOptions, 'model'> {
  readonly json?: boolean;
}

interface ListedModel {
  readonly name: string;
  /** Absent: it would have to be fetched. */
  readonly folder?: string;
  readonly origin: 'bundled' | 'TRELLIS_MODEL_PATH' | 'pulled' | 'published';
  readonly default: boolean;
  readonly note: string;
}

export async function listModels(io: CliIo, options: ModelsOptions): Promise<ExitCode> {
  const settings = readSettings(io);
  const named = settings.modelPath === undefined ? undefined : chooseModel(io, settings, undefined).folder;
  const chosen = named === undefined ? undefined : (repositoryOf(named) ?? named);
  const pulled = await pulledModels(settings.huggingFaceHome);
  const cache = new HubCache(settings.huggingFaceHome);
  const models: ListedModel[] = [
    ...(chosen === undefined || pulled.some(({ model }) => model === chosen)
      ? []
      : [{ name: nameOf(chosen), folder: chosen, origin: 'TRELLIS_MODEL_PATH' as const, default: true, note: '' }]),
    ...pulled.map(({ model, repositories, files }) => ({
      name: shortName(model),
      folder: cache.snapshotFolder(model, repositories[model] ?? ''),
      origin: 'pulled' as const,
      default: model === chosen,
      note: fileSize(files.reduce((sum, { size }) => sum + size, 0)),
    })),
    ...bundledModels().map((folder, index) => ({
      name: nameOf(folder),
      folder,
      origin: 'bundled' as const,
      default: chosen === undefined && index === 0,
      note: isRandomModel(folder) ? 'random: for trying the pipeline, shapes are noise' : '',
    })),
    ...PUBLISHED_MODELS.filter(({ repository }) => !pulled.some(({ model }) => model === repository)).map(
      ({ name, bytes, about }) => ({
        name,
        origin: 'published' as const,
        default: false,
        note: `about ${fileSize(bytes)} to fetch: espalier models pull ${name}; ${about}`,
      }),
    ),
  ];
  if (options.json === true) {
    io.out(`${JSON.stringify({ ok: true, models }, null, 2)}\n`);
    return EXIT.ok;
  }
  const rows = models.map(({ default: preferred, name, origin, folder, note }) => [
    preferred ? '*' : ' ',
    name,
    origin,
    folder === undefined ? note : [shown(io, folder), note].filter((text) => text !== '').join('  '),
  ]);
  io.out(table(rows));
  return EXIT.ok;
}

function nameOf(folder: string): string {
  return folder.split(/[\\/]/).at(-1) ?? folder;
}

function shortName(repository: string): string {
  return PUBLISHED_MODELS.find((model) => model.repository === repository)?.name ?? repository;
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
  const checked = await readEveryByte(io, model.folder, settings.huggingFaceHome, options);
  const revision = await repository.revision();
  const { name } = repository;
  if (options.json === true) {
    io.out(
      `${JSON.stringify({ ok: true, name, folder: repository.folder, revision, checksums: checked, parts }, null, 2)}\n`,
    );
    return EXIT.ok;
  }
  io.out(`${name} is whole: configs, weights and text encoder are there and readable\n`);
  if (checked > 0) io.out(`  ${count(checked, 'file')} read to the end: every checksum is that of the download\n`);
  io.out(
    table(
      parts.map((part) => ['', part.role, count(part.tensors, 'tensor'), fileSize(part.bytes), shown(io, part.path)]),
    ),
  );
  io.out(`  revision ${revision}\n`);
  return EXIT.ok;
}

/**
 * Compares a pulled model with the record of its download.
 *
 * @returns files that were compared; 0 for a model that was not pulled
 * @throws TerminalError MODEL_CHECKSUM_WRONG
 */
async function readEveryByte(io: CliIo, name: string, home: string, options: ModelsOptions): Promise<number> {
  const model = repositoryOf(name);
  if (model === undefined) return 0;
  const bar = new TransferBar(io, `reading ${model}`);
  const found = await verifyPulled(model, {
    huggingFaceHome: home,
    onProgress: (progress) => {
      if (options.json !== true) bar.show(progress);
    },
  });
  bar.end();
  if (found === undefined) return 0;
  const [first] = found.faults;
  if (first === undefined) return found.lock.files.length;
  const list = found.faults.map(({ path, fault }) => `${path} (${FAULTS[fault]})`).join(', ');
  throw new TerminalError(`${count(found.faults.length, 'file')} of ${model} not as downloaded: ${list}`, {
    code: 'MODEL_CHECKSUM_WRONG',
    field: first.path,
    remedy: `remove ${found.faults.length === 1 ? 'that file' : 'those files'}, with what the link points to, and pull the model again`,
  });
}

const FAULTS = { missing: 'missing', size: 'another size', checksum: 'another content' } as const;
