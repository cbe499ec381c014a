/**
 * `npm run eval:starter [-- --json] [--captions 240] [--workers 2] [--save]`: the bundled model on captions whose
 * combinations were never trained on, judged against true objects. `--save` writes `results/eval.json` and `EVAL.md`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { formatTable } from '../report.ts';
import { type Caption, readCaptions, readOccupancies, readPalette, readTruths } from './captions.ts';
import { type ColourVerdict, judgeColours } from './colours.ts';
import { type Made, makeAll } from './generate.ts';
import { ceiling, iou, nearest, type Verdict } from './judge.ts';
import { evaluationReport, type Row } from './report.ts';
import { sampleSurface } from './surface-samples.ts';

const SURFACE_SAMPLES = 4000;
const DIVERSITY_SEEDS = 4;
const GUIDANCE = [0, 1, 2, 3];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    captions: { type: 'string', default: '240' },
    workers: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const HELP = `npm run eval:starter -- [--json] [--captions N] [--workers N] [--save]

Generates N held-out captions (240) with the bundled model and judges category, colours, surface and files.
--json     the figures as one JSON object on stdout, and nothing else there
--workers  inference processes of one thread each
--save     also writes bench/starter/results/eval.json and bench/starter/EVAL.md
`;

const started = performance.now();
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** Every `length / count`-th: the captions take the categories in turn, so that all are among the chosen. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T);
}

async function judgeCaptions(chosen: readonly number[], captions: readonly Caption[], workers: number): Promise<Row[]> {
  const references = readOccupancies('references');
  const palette = readPalette();
  const truths = readTruths(captions.length);
  const rows: Row[] = [];
  const requests = chosen.map((at) => ({ prompt: (captions[at] as Caption).caption, seed: 1000 + at }));
  await makeAll(requests, workers, async (index, made) => {
    const at = chosen[index] as number;
    const caption = captions[at] as Caption;
    rows[index] = await judged(caption, made, truths[at] as Uint8Array);
    if (rows.filter(Boolean).length % 10 === 0) {
      say(
        `${rows.filter(Boolean).length}/${chosen.length} after ${((performance.now() - started) / 1000).toFixed(0)} s`,
      );
    }
  });
  return rows;

  async function judged(caption: Caption, made: Made | Error, truth: Uint8Array): Promise<Row> {
    if (made instanceof Error) return { caption, failure: made.message };
    const shape: Verdict = nearest(made.occupancy, references, caption.category);
    const samples = await sampleSurface(made.glb, SURFACE_SAMPLES);
    const colours: ColourVerdict = judgeColours(caption, samples, truth, palette);
    const { errors, warnings } = made.stats.validator;
    return {
      caption,
      shape,
      colours,
      valid: errors + warnings === 0,
      components: made.components,
      watertight: made.watertight,
      seconds: made.stats.generation_time_seconds,
      unknownWords: made.stats.tokens.unknown_words,
    };
  }
}

/** Mean IoU of all pairs of seeds of a prompt: 1 would be the same object every time. */
async function diversity(captions: readonly Caption[], workers: number): Promise<number> {
  const occupancies: Uint32Array[] = [];
  const requests = captions.flatMap(({ caption: prompt }) =>
    Array.from({ length: DIVERSITY_SEEDS }, (_, seed) => ({ prompt, seed })),
  );
  await makeAll(requests, workers, (index, made) => {
    if (!(made instanceof Error)) occupancies[index] = made.occupancy;
  });
  const values: number[] = [];
  for (let first = 0; first < requests.length; first += DIVERSITY_SEEDS) {
    const group = occupancies.slice(first, first + DIVERSITY_SEEDS).filter(Boolean);
    for (const [i, a] of group.entries()) for (const b of group.slice(i + 1)) values.push(iou(a, b));
  }
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Category accuracy and nearest IoU in the own category, by strength of guidance. */
async function guidance(captions: readonly Caption[], workers: number) {
  const references = readOccupancies('references');
  const rows: { cfg_strength: number; accuracy: number; own_iou: number; one_piece: number }[] = [];
  for (const cfgStrength of GUIDANCE) {
    let [right, own, single] = [0, 0, 0];
    const requests = captions.map(({ caption: prompt }, seed) => ({ prompt, seed, cfgStrength, textureSize: 128 }));
    await makeAll(requests, workers, (index, made) => {
      if (made instanceof Error) return;
      const { category } = captions[index] as Caption;
      const verdict = nearest(made.occupancy, references, category);
      if (verdict.category === category) right += 1;
      if (made.components === 1) single += 1;
      own += verdict.ownIou;
    });
    const n = captions.length;
    rows.push({ cfg_strength: cfgStrength, accuracy: right / n, own_iou: own / n, one_piece: single / n });
  }
  return rows;
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const captions = readCaptions();
  const workers = Number(values.workers);
  const chosen = spread([...captions.keys()], Number(values.captions));
  say(`${chosen.length} held-out captions on ${workers} inference processes`);
  const rows = await judgeCaptions(chosen, captions, workers);
  say('diversity over seeds, and the effect of guidance');
  const few = spread(captions, 6);
  const some = spread(captions, 24);
  const report = evaluationReport(rows, {
    ceiling: ceiling(readOccupancies('fresh'), readOccupancies('references')),
    diversity: await diversity(few, workers),
    guidance: await guidance(some, workers),
  });
  if (values.save) {
    mkdirSync(new URL('results/', import.meta.url), { recursive: true });
    writeFileSync(new URL('results/eval.json', import.meta.url), `${JSON.stringify(report.figures, null, 2)}\n`);
    writeFileSync(new URL('EVAL.md', import.meta.url), report.markdown);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(report.figures)}\n`);
  else process.stdout.write(`${formatTable(report.table)}\n\n${report.confusions.join('\n')}\n`);
  for (const missed of report.missed) say(`missed: ${missed}`);
  if (report.missed.length > 0) process.exitCode = 1;
}

await main();
