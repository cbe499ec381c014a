/**
 * `node --import tsx bench/starter/steps.ts structure|latent [--help]`: what sampler settings buy, on the development
 * captions; those of the evaluation stay unseen. Same captions, same noise under each setting.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { TrellisModel } from '@espalier/trellis';
import { formatTable } from '../report.ts';
import { type Caption, MODEL, readCaptions, readOccupancies, readPalette, readTruths, spread } from './captions.ts';
import { alignedAll } from './judge.ts';
import { Progress } from './progress.ts';
import { latents, type Outcome, type Setting, structures } from './setting.ts';

const HELP = `node --import tsx bench/starter/steps.ts structure|latent [options]

--captions N      development captions, spread over the categories (60); for latent, of those that name two colours
--steps LIST      sampler steps (6,8,12)
--strength LIST   cfg_strength (that of pipeline.json)
--guide-from LIST  lower ends of cfg_interval, the upper one is 1 (0)
--rescale LIST    rescale_t (that of pipeline.json)
--save            writes bench/starter/results/steps-STAGE.json
What is done is kept under bench/starter/.state: a run that was stopped goes on from there.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    captions: { type: 'string', default: '60' },
    steps: { type: 'string', default: '6,8,12' },
    strength: { type: 'string' },
    'guide-from': { type: 'string', default: '0' },
    rescale: { type: 'string' },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

function numbers(list: string | undefined, otherwise: number): number[] {
  return list?.split(',').map(Number) ?? [otherwise];
}

/** Every combination of the lists. */
function settingsOf(shipped: { readonly cfg_strength: number; readonly rescale_t: number }): Setting[] {
  return numbers(values.steps, 8).flatMap((steps) =>
    numbers(values.strength, shipped.cfg_strength).flatMap((cfg_strength) =>
      numbers(values['guide-from'], 0).flatMap((from) =>
        numbers(values.rescale, shipped.rescale_t).map((rescale_t): Setting => {
          return { steps, cfg_strength, cfg_interval: [from, 1], rescale_t };
        }),
      ),
    ),
  );
}

/** Mean over the captions that have the figure; a share where it is a truth value. */
function mean(outcomes: readonly Outcome[], name: keyof Outcome): number | undefined {
  const found = outcomes.flatMap((outcome) => outcome[name] ?? []).map(Number);
  return found.length === 0 ? undefined : found.reduce((sum, value) => sum + value, 0) / found.length;
}

const FIGURES = [
  'passes',
  'seconds',
  'category',
  'own_iou',
  'main_colour',
  'both_colours',
  'like_most_steps',
] as const satisfies (keyof Outcome)[];

async function measure(stage: 'structure' | 'latent'): Promise<void> {
  const model = await TrellisModel.open(fileURLToPath(MODEL), { device: 'cpu' });
  const { sparse_structure_sampler, slat_sampler } = model.repository.pipeline;
  const settings = settingsOf((stage === 'structure' ? sparse_structure_sampler : slat_sampler).params);
  const all = readCaptions('development');
  const truths = readTruths(all.length, 'development');
  const twoColours = ({ colour, parts }: Caption): boolean => colour !== null && Object.keys(parts).length > 0;
  // Simple categories have few combinations that were held out: some came into both sets.
  const heldOut = new Set(readCaptions().map(({ caption }) => caption));
  const fits = (each: Caption): boolean => (stage === 'latent' ? twoColours(each) : !heldOut.has(each.caption));
  const fit = [...all.keys()].filter((at) => fits(all[at] as Caption));
  const chosen = spread(fit, Number(values.captions));
  const judging = { references: alignedAll(readOccupancies('references')), palette: readPalette() };
  const revision = await model.revision();
  const progress = new Progress(revision, false, (text) => process.stderr.write(`${text}\n`));
  const { signal } = new AbortController();
  const outcomes = await progress.all(
    `${stage} of ${chosen.length}, ${JSON.stringify(settings)}`,
    chosen.length,
    1,
    (i) => {
      const at = chosen[i] as number;
      const caption = all[at] as Caption;
      if (stage === 'structure') return structures(model, caption, at, settings, judging);
      return latents(model, caption, at, settings, { ...judging, truth: truths[at] as Uint8Array });
    },
    signal,
  );
  await model.release();
  const rows = settings.map(({ steps, cfg_strength, cfg_interval: [from], rescale_t }, k) => {
    const own = outcomes.map((each) => each?.[k] as Outcome);
    const figures = FIGURES.flatMap((name) => {
      const value = mean(own, name);
      return value === undefined ? [] : [[name, value] as const];
    });
    return { steps, cfg_strength, guided_from: from, rescale_t, ...Object.fromEntries(figures) };
  });
  process.stdout.write(`${formatTable(rows)}\n`);
  if (!values.save) return;
  const folder = new URL('results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const record = { model_revision: revision, development_captions: chosen.length, rows };
  writeFileSync(new URL(`steps-${stage}.json`, folder), `${JSON.stringify(record, null, 2)}\n`);
}

const [stage] = positionals;
if (values.help) process.stdout.write(HELP);
else if (stage === 'structure' || stage === 'latent') await measure(stage);
else {
  process.stderr.write(`${stage === undefined ? 'no stage is named' : `'${stage}' is no stage`}\n\n${HELP}`);
  process.exitCode = 2;
}
