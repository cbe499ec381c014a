/** `espalier generate`: a prompt to files, here and now. */
import { join } from 'node:path';
import {
  CancelledError,
  isRandomModel,
  type Job,
  type JobStats,
  type PipelineEvent,
  STAGES,
} from '@espalier/contracts';
import { resultKey } from '@espalier/storage';
import {
  type ChosenModel,
  chooseModel,
  fromCwd,
  openBucket,
  openLogger,
  type PlaceOptions,
  readSettings,
  shown,
} from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { listenForInterrupt } from '../interrupt.ts';
import type { CliIo } from '../io.ts';
import { type JobOptions, jobFromOptions } from '../job-options.ts';
import { logEvent } from '../log-event.ts';
import { count, duration, fileSize } from '../progress/format.ts';
import { StageLines } from '../progress/stage-lines.ts';
import { copyResults } from '../results.ts';

export interface GenerateOptions extends PlaceOptions, JobOptions {
  readonly out?: string;
  readonly json?: boolean;
}

/** What was made, as `--json` prints it. */
export interface Generated {
  readonly ok: true;
  readonly id: string;
  /** Absolute paths by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly notices: readonly { readonly code: string; readonly message: string }[];
  readonly stats: JobStats;
}

export async function generate(io: CliIo, prompt: string | undefined, options: GenerateOptions): Promise<ExitCode> {
  const settings = readSettings(io, options);
  const job = await jobFromOptions(io, prompt, options);
  const model = chooseModel(io, settings, options.model);
  const made = await make(io, job, model, { ...options, settings });
  if (typeof made === 'number') return made;
  io.out(options.json === true ? `${JSON.stringify(made, null, 2)}\n` : summary(io, job, made));
  return EXIT.ok;
}

export interface MakeOptions extends GenerateOptions {
  readonly settings: ReturnType<typeof readSettings>;
}

/** @returns what was made, or the exit code of somebody who stopped it */
export async function make(
  io: CliIo,
  job: Job,
  model: ChosenModel,
  options: MakeOptions,
): Promise<Generated | ExitCode> {
  const { settings } = options;
  const lines = new StageLines({ io });
  let place: string | undefined;
  // From the first moment on: loading the networks' code takes a while, too.
  const interrupt = listenForInterrupt(io, () => {
    place = lines.place;
    lines.stop();
  });
  const logger = (await openLogger(settings, 'silent')).child({ job: job.id });
  const notices: { code: string; message: string }[] = [];
  const onEvent = (event: PipelineEvent) => {
    if (event.type === 'job.notice') notices.push({ code: event.code, message: event.message });
    if (!interrupt.signal.aborted) lines.listen(event);
    logEvent(logger, event);
  };
  try {
    const store = await openBucket(settings, { prove: false });
    const { openPipeline } = await import('../runtime.ts');
    const pipeline = await openPipeline(settings, model, store, logger);
    try {
      const stats = await pipeline.run(job, { signal: interrupt.signal, onEvent, logger });
      const folder = options.out === undefined ? join(io.cwd, 'espalier-out', job.id) : fromCwd(io, options.out);
      const names = [...Object.keys(stats.files ?? {}), 'stats.json'];
      const keys = Object.fromEntries(names.map((name) => [name, resultKey(job.id, name)]));
      return { ok: true, id: job.id, files: await copyResults(store, keys, folder), notices, stats };
    } finally {
      await pipeline.close();
    }
  } catch (error) {
    lines.stop();
    const { exitCode } = interrupt;
    if (exitCode === undefined || !(error instanceof CancelledError)) throw error;
    if (options.json === true) {
      const stopped = { code: error.code, message: error.message, stopped_in: place, seed: job.input.seed };
      io.out(`${JSON.stringify({ ok: false, error: stopped }, null, 2)}\n`);
    }
    io.err(stoppedText(job, place));
    return exitCode;
  } finally {
    interrupt.release();
  }
}

function stoppedText(job: Job, place: string | undefined): string {
  const where = place === undefined ? '' : ` in ${place}`;
  return (
    `Stopped${where}. What is done is kept: run the same command again with --seed ${job.input.seed} ` +
    'and it goes on from there.\n'
  );
}

export function summary(io: CliIo, job: Job, made: Generated): string {
  const { stats, files } = made;
  const cached = STAGES.filter((stage) => stats.stages[stage]?.cached === true).length;
  const took = `${duration(stats.generation_time_seconds)} on ${stats.device}`;
  const mesh = `${count(stats.face_count, 'face')}, ${count(stats.vertex_count, 'vertex').replace(/vertexs$/, 'vertices')}`;
  const lines = [
    `Made ${JSON.stringify(job.input.prompt)} with seed ${stats.seed_used} in ${took} by ${stats.model.name}`,
    `  ${shown(io, files['model.glb'] ?? '')}`,
    `    ${fileSize(stats.glb_size_bytes)}, ${mesh}, texture ${stats.texture_size} x ${stats.texture_size}`,
    ...Object.keys(files)
      .filter((name) => name !== 'model.glb')
      .map((name) => `  ${shown(io, files[name] ?? '')}`),
  ];
  if (cached > 0) lines.push(`  ${cached} of ${STAGES.length} stages came from checkpoints`);
  if (isRandomModel(stats.model.name)) {
    lines.push(
      '  This model is random: it proves the way from prompt to asset, its shapes are noise.',
      '  Name a trained one with --model or in TRELLIS_MODEL_PATH.',
    );
  }
  return `${lines.join('\n')}\n`;
}
