/**
 * `npm run eval:starter [-- --json] [--captions 240] [--workers 2] [--save] [--fresh]`: the bundled model on captions
 * whose combinations were never trained on, judged against true objects. A run that was stopped goes on where it was.
 * `--save` writes `results/eval.json` and `EVAL.md`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { TerminalError } from '@espalier/contracts';
import type { PipelineRuntime } from '@espalier/pipeline';
import { z } from 'zod';
import { formatTable } from '../report.ts';
import { type Caption, readCaptions, readOccupancies, readPalette, readTruths, spread } from './captions.ts';
import { judgeColours } from './colours.ts';
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

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    captions: { type: 'string', default: '240' },
    'bake-from': { type: 'string', default: 'gaussians' },
    workers: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const HELP = `npm run eval:starter -- [--json] [--captions N] [--workers N] [--bake-from X] [--save] [--fresh]

Generates N held-out captions (240) with the bundled model and judges category, colours, surface and files; then
diversity over seeds and the effect of guidance, by the structure stage alone. Progress goes to stderr. What is done is
kept under bench/starter/.state, by model revision: a run that was stopped goes on from there.
--json     the figures as one JSON object on stdout, and nothing else there (with npm run --silent)
--workers  inference processes of one thread each
--bake-from  gaussians (as jobs do by default) or vertices
--save     also writes bench/starter/results/eval.json and bench/starter/EVAL.md
--fresh    forgets what was done before
`;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

const captions = readCaptions();
const bakeFrom = z.enum(['gaussians', 'vertices']).parse(values['bake-from']);
const captionAt = (index: number): Caption => captions[index] as Caption; // callers count within them

/** One caption through the whole pipeline. A failure for good is a verdict, too; anything else is thrown. */
async function judgeWhole(runtime: PipelineRuntime, at: number, context: JudgeContext): Promise<Judged> {
  const caption = captionAt(at);
  const request = { prompt: caption.caption, seed: 1000 + at, textureSize: TEXTURE, bakeFrom };
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
}

/** Mean IoU of all pairs of seeds of a prompt: 1 would be the same object every time. */
function meanPairwise(objects: readonly Uint32Array[]): number {
  const pairs: number[] = [];
  for (let first = 0; first < objects.length; first += DIVERSITY_SEEDS) {
    const group = objects.slice(first, first + DIVERSITY_SEEDS);
    for (const [i, a] of group.entries()) for (const b of group.slice(i + 1)) pairs.push(iou(a, b));
  }
  return pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
}

async function evaluate(runtimes: readonly PipelineRuntime[], chosen: readonly number[]) {
  const runtimeOf = (worker: number): PipelineRuntime => runtimes[worker] as PipelineRuntime; // one a worker
  const workers = runtimes.length;
  const { revision, samplers } = runtimeOf(0).model;
  const progress = new Progress(revision, values.fresh, say);
  const references = alignedAll(readOccupancies('references'));
  const context = { references, truths: readTruths(captions.length), palette: readPalette() };
  // Settings that change what comes out are part of the key.
  const settings = `${samplers.structure.steps}+${samplers.latent.steps} steps`;
  const part = `captions of ${chosen.length}, ${settings}, baked from ${bakeFrom}`;
  const judged = await progress.all(part, chosen.length, workers, (i, worker) =>
    judgeWhole(runtimeOf(worker), chosen[i] as number, context),
  );

  const few = spread(chosen, DIVERSITY_CAPTIONS);
  const seeds = await progress.all(
    `diversity over ${few.length}, ${settings}`,
    few.length * DIVERSITY_SEEDS,
    workers,
    async (i, worker) => {
      const prompt = captionAt(few[Math.floor(i / DIVERSITY_SEEDS)] as number).caption;
      return [...(await makeStructure(runtimeOf(worker), { prompt, seed: i % DIVERSITY_SEEDS }))];
    },
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
      const occupancy = await makeStructure(runtimeOf(worker), { prompt, seed: at, cfgStrength });
      const verdict = nearest(occupancy, references, category);
      return { right: verdict.category === category, ownIou: verdict.ownIou, onePiece: inOnePiece(occupancy) };
    },
  );

  say('the judge itself, on true objects');
  return evaluationReport(
    judged.map((row, i) => ({ ...row, caption: captionAt(chosen[i] as number) })),
    {
      revision,
      ceiling: ceiling(readOccupancies('fresh'), references),
      diversity: meanPairwise(seeds.map((words) => Uint32Array.from(words))),
      guidance: GUIDANCE.map((strength, i) => {
        const rows = guided.slice(i * some.length, (i + 1) * some.length);
        const share = (of: (row: (typeof rows)[number]) => number) =>
          rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
        return {
          cfg_strength: strength,
          accuracy: share((row) => Number(row.right)),
          own_iou: share((row) => row.ownIou),
          one_piece: share((row) => Number(row.onePiece)),
        };
      }),
    },
  );
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const started = performance.now();
  const workers = Number(values.workers);
  const chosen = spread([...captions.keys()], Number(values.captions));
  say(`${chosen.length} held-out captions on ${workers} inference processes`);
  const report = await withRuntimes(workers, (runtimes) => evaluate(runtimes, chosen));
  if (values.save) {
    mkdirSync(new URL('results/', import.meta.url), { recursive: true });
    writeFileSync(new URL('results/eval.json', import.meta.url), `${JSON.stringify(report.figures, null, 2)}\n`);
    writeFileSync(new URL('EVAL.md', import.meta.url), report.markdown);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(report.figures)}\n`);
  else process.stdout.write(`${formatTable(report.table)}\n\n${report.confusions.join('\n')}\n`);
  for (const missed of report.missed) say(`missed: ${missed}`);
  say(`${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
  if (report.missed.length > 0) process.exitCode = 1;
}

await main();
