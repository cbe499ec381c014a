/** `espalier doctor`: looks at everything that is configured, and says how to mend what is broken. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@espalier/contracts';
import { isCudaInstalled, runtimeFacts, tryDevice } from '@espalier/onnx';
import { inspectSqsQueue } from '@espalier/queue';
import { openStore } from '@espalier/storage';
import { chooseModel, type PlaceOptions, readSettings } from '../context.ts';
import type { Finding } from '../doctor/finding.ts';
import { checkGpu } from '../doctor/gpu.ts';
import { checkDisk, checkNode, checkRuntime } from '../doctor/machine.ts';
import { checkModel } from '../doctor/model.ts';
import { checkQueues } from '../doctor/queues.ts';
import { checkStore } from '../doctor/store.ts';
import { checkWebhooks, connect } from '../doctor/webhooks.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';

export interface DoctorOptions extends PlaceOptions {
  readonly webhook?: string;
  readonly json?: boolean;
}

export async function doctor(io: CliIo, options: DoctorOptions): Promise<ExitCode> {
  const findings = await examine(io, options);
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  const broken = count('broken');
  if (options.json === true) {
    io.out(`${JSON.stringify({ ok: broken === 0, broken, warnings: count('warning'), findings }, null, 2)}\n`);
  } else {
    io.out(findings.map(line).join(''));
    io.out(broken === 0 ? 'Nothing that is configured is broken.\n' : `${broken} broken.\n`);
  }
  return broken === 0 ? EXIT.ok : EXIT.failed;
}

/** @throws TerminalError SETTING_INVALID: with settings that cannot be read nothing can be looked at */
async function examine(io: CliIo, options: DoctorOptions): Promise<Finding[]> {
  const settings = readSettings(io, options);
  const { queues, huggingFaceHome, leaseSeconds } = settings;
  const model = await checkModel(chooseModel(io, settings, options.model).folder, huggingFaceHome);
  const large = io.env.ESPALIER_QUEUE_GENERATE_LARGE?.trim();
  return [
    checkNode(process.versions.node),
    await checkRuntime(runtimeFacts),
    ...(await checkGpu(settings.device, model.heavy, {
      nvidiaSmi,
      cudaInstalled: isCudaInstalled,
      tryCuda: () => tryDevice('cuda'),
    })),
    model.finding,
    ...(await checkStore({
      open: () => openStore(settings.store, { prove: false }),
      fetch,
      clock: systemClock,
      leaseSeconds,
    })),
    ...(await checkQueues(
      {
        ESPALIER_QUEUE_GENERATE: queues.generate,
        ESPALIER_QUEUE_FINISH: queues.finish,
        ESPALIER_QUEUE_NOTIFY: queues.notify,
        ...(large && { ESPALIER_QUEUE_GENERATE_LARGE: { kind: 'sqs' as const, url: large } }),
      },
      { inspect: inspectSqsQueue },
    )),
    ...(await checkDisk(
      {
        weights: huggingFaceHome,
        cache: settings.cacheFolder,
        ...(settings.store.kind === 'folder' && { bucket: settings.store.path }),
      },
      freeBytes,
    )),
    ...(await checkWebhooks(io.env, queues.notify.kind === 'sqs', options.webhook, { connect })),
  ];
}

const SIGNS = { ok: 'ok     ', warning: 'WARNING', broken: 'BROKEN ', skipped: '-      ' } as const;

function line({ check, level, message, remedy, code }: Finding): string {
  const told = `${SIGNS[level]}  ${check}: ${message}${code === undefined ? '' : ` [${code}]`}\n`;
  return level === 'ok' || remedy === undefined ? told : `${told}         ${remedy}\n`;
}

async function nvidiaSmi(args: readonly string[]): Promise<string | undefined> {
  try {
    return (await promisify(execFile)('nvidia-smi', [...args], { timeout: 20_000 })).stdout;
  } catch (error) {
    // There, but it failed: a driver that does not match, a GPU that fell off the bus. It lists none then.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : '';
  }
}

/** Of the disk that a folder lies on, or would. */
async function freeBytes(folder: string): Promise<number> {
  for (let place = folder; ; place = dirname(place)) {
    try {
      const { bavail, bsize } = await statfs(place);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(place) === place) throw error;
    }
  }
}
