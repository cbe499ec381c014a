/** `espalier models pull` and `push`: weights from the hub or a mirror, and into a mirror. */
import { invalidSetting, parseStore, TerminalError } from '@espalier/contracts';
import { openStore } from '@espalier/storage';
import { ModelRepository, repositoryOf } from '@espalier/trellis';
import { HubSource, MirrorSource, type Pulled, pullModel, pushModel } from '@espalier/weights';
import { fromCwd, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { type HubOptions, readHubSettings } from '../hub-settings.ts';
import { listenForInterrupt } from '../interrupt.ts';
import type { CliIo } from '../io.ts';
import { writeMirrorFacts } from '../mirror-facts.ts';
import { count, fileSize } from '../progress/format.ts';
import { TransferBar } from '../progress/transfer-bar.ts';

export interface PullCommandOptions extends HubOptions {
  readonly revision?: string;
  readonly update?: boolean;
  readonly parallel?: string;
  readonly json?: boolean;
}

export async function pull(io: CliIo, name: string, options: PullCommandOptions): Promise<ExitCode> {
  const settings = readSettings(io);
  const hub = await readHubSettings(io, settings, options);
  const model = repositoryFor(name);
  if (hub.offline) return checkOffline(io, model, settings.huggingFaceHome, options);
  const parallel = parallelOf(options.parallel);
  const { url, token, mirror } = hub;
  const source =
    mirror === undefined
      ? new HubSource({ ...(url !== undefined && { url }), ...(token !== undefined && { token }) })
      : new MirrorSource(await openStore(mirror, { readOnly: true }), model);
  const bar = new TransferBar(io, `fetching ${model}`);
  const interrupt = listenForInterrupt(io, () => bar.end());
  try {
    const pulled = await pullModel(model, {
      source,
      huggingFaceHome: settings.huggingFaceHome,
      signal: interrupt.signal,
      onProgress: (progress) => {
        if (options.json !== true && !interrupt.signal.aborted) bar.show(progress);
      },
      ...(options.revision !== undefined && { revision: options.revision }),
      ...(options.update !== undefined && { update: options.update }),
      ...(parallel !== undefined && { parallel }),
    });
    bar.end();
    io.out(options.json === true ? `${JSON.stringify({ ok: true, ...pulled }, null, 2)}\n` : summary(name, pulled));
    return EXIT.ok;
  } catch (error) {
    bar.end();
    if (interrupt.exitCode === undefined) throw error;
    io.err('Stopped. What came so far is kept: the same command goes on from there.\n');
    return interrupt.exitCode;
  } finally {
    interrupt.release();
  }
}

export interface PushCommandOptions {
  readonly json?: boolean;
}

export async function push(io: CliIo, name: string, to: string, options: PushCommandOptions): Promise<ExitCode> {
  const settings = readSettings(io);
  const model = repositoryFor(name);
  // A mirror has one writer and no claims: nothing has to be proved.
  const store = await openStore(parseStore(fromCwd(io, to), 'mirror'), { prove: false });
  const bar = new TransferBar(io, `sending ${model}`);
  const interrupt = listenForInterrupt(io, () => bar.end());
  try {
    const { lock, sentBytes } = await pushModel(model, store, {
      huggingFaceHome: settings.huggingFaceHome,
      signal: interrupt.signal,
      onProgress: (progress) => {
        if (options.json !== true) bar.show(progress);
      },
    });
    bar.end();
    await writeMirrorFacts(store, model, settings);
    const { location } = store;
    io.out(
      options.json === true
        ? `${JSON.stringify({ ok: true, model, mirror: location, sentBytes, files: lock.files.length }, null, 2)}\n`
        : `${location} holds ${model} (${count(lock.files.length, 'file')}, ${fileSize(sentBytes)} sent).\n` +
            `Fetch it from there with:\n\n  espalier models pull ${name} --from ${to}\n`,
    );
    return EXIT.ok;
  } catch (error) {
    bar.end();
    if (interrupt.exitCode === undefined) throw error;
    return interrupt.exitCode;
  } finally {
    interrupt.release();
  }
}

/** Asks nobody: says whether the loader would find every part. */
async function checkOffline(
  io: CliIo,
  model: string,
  huggingFaceHome: string,
  options: PullCommandOptions,
): Promise<ExitCode> {
  let folder: string;
  try {
    const repository = await ModelRepository.open(model, { huggingFaceHome });
    await repository.textEncoder();
    folder = repository.folder;
  } catch (cause) {
    throw new TerminalError(`${model} is not all here, and offline nothing is fetched`, {
      code: 'MODEL_OFFLINE',
      field: model,
      remedy: 'pull it without --offline and with HF_HUB_OFFLINE unset, or name the right HF_HOME',
      cause,
    });
  }
  io.out(
    options.json === true
      ? `${JSON.stringify({ ok: true, model, folder, fetchedBytes: 0, offline: true }, null, 2)}\n`
      : `${model} is here already: ${folder}\n`,
  );
  return EXIT.ok;
}

function summary(name: string, { model, folder, lock, fetchedBytes }: Pulled): string {
  const total = lock.files.reduce((sum, { size }) => sum + size, 0);
  const lines = [
    `${model} is here: ${count(lock.files.length, 'file')}, ${fileSize(total)}, every checksum right; ${fileSize(fetchedBytes)} fetched`,
    `  ${folder}`,
    ...Object.entries(lock.repositories).map(([repository, commit]) => `  ${repository} at ${commit}`),
    `Use it with --model ${name}, or TRELLIS_MODEL_PATH=${name}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** @throws TerminalError USAGE */
function repositoryFor(name: string): string {
  const repository = repositoryOf(name);
  if (repository !== undefined) return repository;
  throw new TerminalError(`'${name}' is no model that could be fetched`, {
    code: 'USAGE',
    field: 'model',
    remedy: 'give trellis-text-xlarge, trellis-text-large, trellis-text-base, or Org/Repo of another on the hub',
  });
}

function parallelOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^([1-9]|[12]\d|3[0-2])$/.test(value)) return Number(value);
  throw invalidSetting('--parallel', value, 'give a whole number from 1 to 32');
}
