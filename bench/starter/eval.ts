/**
 * `npm run eval:starter [-- --help]`: the bundled model on captions whose combinations were never trained on, judged
 * against true objects. A run that was stopped goes on where it was. `--save` writes `results/eval.json` and `EVAL.md`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { TerminalError } from '@espalier/contracts';
import type { PipelineRuntime } from '@espalier/pipeline';
import { formatTable } from '../report.ts';
import {
  type Caption,
  judgesDigest,
  readCaptions,
  readOccupancies,
  readPalette,
  readTruths,
  readTwins,
  spread,
} from './captions.ts';
import { ceilingOfColours, judgeColours } from './colours.ts';
import { type EvalOptions, evalOptions, HELP } from './eval-options.ts';
import { make, makeStructure, withRuntimes } from './generate.ts';
import { alignedAll, ceiling, inOnePiece, iou, nearest } from './judge.ts';
import { Progress } from './progress.ts';
import { evaluationReport, type Judged } from './report.ts';
import { sampleSurface } from './surface-samples.ts';

const SURFACE_SAMPLES = 4000;
/** Texels enough for the samples; colours are judged by nearest palette colour, not by their finest detail. */
const TEXTURE = 256;
const DIVERSITY_CAPTIONS = 6;
const DIVERSITY_SEEDS = 4;
const GUIDANCE_CAPTIONS = 24;
const GUIDANCE = [0, 1, 2, 3];

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

const captions = readCaptions();
const captionAt = (index: number): Caption => captions[index] as Caption; // callers count within them

/** One caption through the whole pipeline. A failure for good is a verdict, too; anything else is thrown. */
async function judgeWhole(runtime: PipelineRuntime, at: number, context: JudgeContext): Promise<Judged> {
  const { bakeFrom, signal } = context;
  const caption = captionAt(at);
  const request = { prompt: caption.caption, seed: 1000 + at, textureSize: TEXTURE, bakeFrom, signal };
  const made = await make(runtime, request).catch((error: unknown) => {
    if (error instanceof TerminalError) return error;
    throw error;
  });
  if (made instanceof TerminalError) return { failure: `${made.code}: ${made.message}` };
  const samples = await sampleSurface(made.glb, SURFACE_SAMPLES);
  const { errors, warnings } = made.stats.validator;
  return {
    shape: nearest(made.occupancy, context.references, caption.category),
    colours: judgeColours(caption, samples, context.truths[at] as Uint8Array, context.palette),
    valid: errors + warnings === 0,
    components: made.components,
    watertight: made.watertight,
    seconds: made.stats.generation_time_seconds,
    unknownWords: made.stats.tokens.unknown_words,
  };
}

interface JudgeContext {
  readonly references: ReturnType<typeof alignedAll>;
  readonly truths: readonly Uint8Array[];
  readonly palette: ReturnType<typeof readPalette>;
  readonly bakeFrom: EvalOptions['bake-from'];
  readonly signal: AbortSignal;
}

/** Mean IoU of all pairs of seeds of a prompt: 1 would be the same object every time. */
function meanPairwise(objects: readonly Uint32Array[]): number {
  const pairs: number[] = [];
  for (let first = 0; first < objects.length; first += DIVERSITY_SEEDS) {
    const group = objects.slice(first, first + DIVERSITY_SEEDS);
    for (const [i, a] of group.entries()) for (const b of group.slice(i + 1)) pairs.push(iou(a, b));
  }
  return mean(pairs);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Everything, or where the signal comes in between, the whole objects that were judged till then. */
async function evaluate(runtimes: readonly PipelineRuntime[], options: EvalOptions, signal: AbortSignal) {
  const chosen = spread([...captions.keys()], options.captions);
  const bakeFrom = options['bake-from'];
  const runtimeOf = (worker: number): PipelineRuntime => runtimes[worker] as PipelineRuntime; // one a worker
  const workers = runtimes.length;
  const { revision, samplers } = runtimeOf(0).model;
  const progress = new Progress(revision, options.fresh, say);
  const references = alignedAll(readOccupancies('references'));
  const truths = readTruths(captions.length);
  const palette = readPalette();
  const context = { references, truths, palette, bakeFrom, signal };
  // What changes the verdicts is part of the key.
  const settings = `${samplers.structure.steps}+${samplers.latent.steps} steps, judges ${judgesDigest()}`;
  const part = `captions of ${chosen.length}, ${settings}, baked from ${bakeFrom}`;
  const judged = await progress.all(
    part,
    chosen.length,
    workers,
    (i, worker) => judgeWhole(runtimeOf(worker), chosen[i] as number, context),
    signal,
  );

  const few = spread(chosen, DIVERSITY_CAPTIONS);
  const seeds = await progress.all(
    `diversity over ${few.length}, ${settings}`,
    few.length * DIVERSITY_SEEDS,
    workers,
    async (i, worker) => {
      const prompt = captionAt(few[Math.floor(i / DIVERSITY_SEEDS)] as number).caption;
      return [...(await makeStructure(runtimeOf(worker), { prompt, seed: i % DIVERSITY_SEEDS, signal }))];
    },
    signal,
  );

  const some = spread(chosen, GUIDANCE_CAPTIONS);
  const guided = await progress.all(
    `guidance on ${some.length}, ${settings}`,
    some.length * GUIDANCE.length,
    workers,
    async (i, worker) => {
      const at = some[i % some.length] as number;
      const cfgStrength = GUIDANCE[Math.floor(i / some.length)] as number;
      const { caption: prompt, category } = captionAt(at);
      const occupancy = await makeStructure(runtimeOf(worker), { prompt, seed: at, cfgStrength, signal });
      const verdict = nearest(occupancy, references, category);
      return { right: verdict.category === category, ownIou: verdict.ownIou, onePiece: inOnePiece(occupancy) };
    },
    signal,
  );

  const rows = judged.flatMap((row, i) =>
    row === undefined ? [] : [{ ...row, caption: captionAt(chosen[i] as number) }],
  );
  // Who stops a run does not wait for more than what is known.
  if (signal.aborted) return evaluationReport(rows, { revision });
  say('the judges themselves, on true objects');
  const of = <T>(values: readonly T[]): T[] => chosen.map((at) => values[at] as T);
  return evaluationReport(rows, {
    revision,
    whole: {
      ceiling: {
        ...ceiling(readOccupancies('fresh'), references),
        bothColours: ceilingOfColours(of(captions), of(truths), of(readTwins(captions.length)), palette),
      },
      diversity: meanPairwise(known(seeds).map((words) => Uint32Array.from(words))),
      guidance: GUIDANCE.map((strength, i) => {
        const own = known(guided).slice(i * some.length, (i + 1) * some.length);
        return {
          cfg_strength: strength,
          accuracy: mean(own.map((row) => Number(row.right))),
          own_iou: mean(own.map((row) => row.ownIou)),
          one_piece: mean(own.map((row) => Number(row.onePiece))),
        };
      }),
    },
  });
}

/** Those that there are: all, where no signal came. */
function known<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value): value is T => value !== undefined);
}

function save(figures: object, markdown: string): void {
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  writeFileSync(new URL('results/eval.json', import.meta.url), `${JSON.stringify(figures, null, 2)}\n`);
  writeFileSync(new URL('EVAL.md', import.meta.url), markdown);
}

async function main(options: EvalOptions): Promise<void> {
  const started = performance.now();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  say(`${options.captions} held-out captions on ${options.workers} inference processes`);
  const report = await withRuntimes(options.workers, (runtimes) => evaluate(runtimes, options, stop.signal));
  const { captions: done, complete } = report.figures;
  if (options.json) process.stdout.write(`${JSON.stringify(report.figures)}\n`);
  else process.stdout.write(`${formatTable(report.table)}\n\n${report.confusions.join('\n')}\n`);
  if (options.save && report.markdown !== undefined) save(report.figures, report.markdown);
  for (const missed of report.missed) say(`missed: ${missed}`);
  if (!complete)
    say(`stopped after ${done} of ${options.captions} captions${options.save ? ': nothing is saved' : ''}`);
  say(`${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
  if (report.missed.length > 0 || !complete) process.exitCode = 1;
}

function asked(): EvalOptions | undefined {
  try {
    return evalOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = asked();
if (options?.help) process.stdout.write(HELP);
else if (options !== undefined) await main(options);
