/**
 * `node --import tsx bench/starter/steps.ts structure|latent [--captions N] [--steps 8,12,25] [--guide-from 0,0.5] [--save]`
 * What sampler steps and guided times buy: the same captions and the same noise under each setting. The settings in
 * `pipeline.json` were chosen by this table. `--save` writes `results/steps-<stage>.json`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ATTRIBUTE_CHANNELS, extractSurface, type RawMesh } from '@espalier/geometry';
import { TorchGenerator } from '@espalier/tensors';
import { TrellisModel } from '@espalier/trellis';
import { formatTable } from '../report.ts';
import { type Caption, MODEL, readCaptions, readOccupancies, readPalette, readTruths, spread } from './captions.ts';
import { bothRight, judgeColours } from './colours.ts';
import { alignedAll, iou, nearest, occupancyBits } from './judge.ts';
import type { SurfaceSample } from './surface-samples.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    captions: { type: 'string', default: '60' },
    steps: { type: 'string', default: '6,8,10,12,25' },
    'guide-from': { type: 'string', default: '0,0.5' },
    strength: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
  },
});
const stage = positionals[0] === 'latent' ? 'latent' : 'structure';
const numbers = (list: string): number[] => list.split(',').map(Number);

const all = readCaptions();
const truths = readTruths(all.length);
const chosen = spread([...all.keys()], Number(values.captions));
const references = alignedAll(readOccupancies('references'));
const palette = readPalette();
const model = await TrellisModel.open(fileURLToPath(MODEL), { device: 'cpu' });

interface Tally {
  seconds: number;
  passes: number;
  right: number;
  ownIou: number;
  colours: number;
  coloured: number;
  both: number;
  paired: number;
  /** What the setting made of each caption, to hold against the setting with the most steps. */
  readonly made: (Uint32Array | Float32Array)[];
}

/** Vertices of the raw mesh lie evenly on the surface, one or so a cell: no texture is needed to judge colours. */
function vertexSamples({ positions, attributes }: RawMesh): SurfaceSample[] {
  return Array.from({ length: positions.length / 3 }, (_, i) => {
    const three = (values: Float32Array, at: number) =>
      Array.from(values.subarray(at, at + 3)) as [number, number, number];
    const rgb = three(attributes, i * ATTRIBUTE_CHANNELS).map((value) => value * 255) as [number, number, number];
    return { point: three(positions, 3 * i), rgb };
  });
}

async function measure(at: number, params: { steps: number; cfg_interval: [number, number] }, tally: Tally) {
  const caption = all[at] as Caption; // `at` is one of its keys
  const { cond, negative } = await model.encodeText(caption.caption);
  const generator = new TorchGenerator(1000 + at);
  const request = { cond, negative, generator };
  const own = { ...params, cfg_strength: Number(values.strength) };
  let started = performance.now();
  const onStep = ({ point }: { point: { guided: boolean } }): void => {
    tally.passes += point.guided ? 2 : 1;
  };
  const latent = await model.sampleStructure({ ...request, ...(stage === 'structure' && { params: own, onStep }) });
  if (stage === 'structure') tally.seconds += (performance.now() - started) / 1000;
  const coords = await model.decodeStructure(latent);
  if (stage === 'structure') {
    const voxels = Int16Array.from(coords.data.filter((_, i) => i % 4 !== 0));
    const bits = occupancyBits(voxels);
    const verdict = nearest(bits, references, caption.category);
    tally.right += verdict.category === caption.category ? 1 : 0;
    tally.ownIou += verdict.ownIou;
    tally.made.push(bits);
    return;
  }
  started = performance.now();
  const slat = await model.sampleLatent({ ...request, coords, params: own, onStep });
  tally.seconds += (performance.now() - started) / 1000;
  const cells = await model.decodeMesh({ coords, slat });
  const mesh = extractSurface({ ...cells, fillEnclosed: true });
  const verdict = judgeColours(caption, vertexSamples(mesh), truths[at] as Uint8Array, palette);
  tally.made.push(slat.data);
  if (verdict.main === undefined) return;
  tally.coloured += 1;
  tally.colours += verdict.main ? 1 : 0;
  if (Object.keys(verdict.parts).length === 0) return;
  tally.paired += 1;
  tally.both += bothRight(verdict) ? 1 : 0;
}

/** IoU of voxels, or the error of features relative to their spread. */
function against(a: Tally['made'][number], b: Tally['made'][number]): number {
  if (a instanceof Uint32Array) return iou(a, b as Uint32Array);
  let [error, power] = [0, 0];
  for (const [i, value] of a.entries()) {
    error += (value - (b[i] as number)) ** 2;
    power += (b[i] as number) ** 2;
  }
  return 1 - Math.sqrt(error / power);
}

const settings = numbers(values.steps).flatMap((steps) =>
  numbers(values['guide-from']).map((from) => ({ steps, cfg_interval: [from, 1] as [number, number] })),
);
const tallies = settings.map((): Tally => {
  return { seconds: 0, passes: 0, right: 0, ownIou: 0, colours: 0, coloured: 0, both: 0, paired: 0, made: [] };
});
for (const [done, at] of chosen.entries()) {
  // Settings take turns on each caption: whatever else the machine does falls on all of them.
  for (const [i, params] of settings.entries()) await measure(at, params, tallies[i] as Tally);
  if ((done + 1) % 10 === 0) process.stderr.write(`${done + 1}/${chosen.length}\n`);
}

const n = chosen.length;
const longest = tallies[settings.findLastIndex(({ steps }) => steps === Math.max(...settings.map((s) => s.steps)))];
const rows = settings.map(({ steps, cfg_interval: [from] }, i) => {
  const tally = tallies[i] as Tally;
  const nearness = tally.made.reduce((sum, made, k) => sum + against(made, longest?.made[k] ?? made), 0) / n;
  return {
    steps,
    guided_from: from,
    passes: tally.passes / n,
    seconds: tally.seconds / n,
    ...(stage === 'structure'
      ? { category_right: tally.right / n, own_iou: tally.ownIou / n }
      : { main_colour: tally.colours / tally.coloured, both_colours: tally.both / tally.paired }),
    like_most_steps: nearness,
  };
});
process.stdout.write(`${formatTable(rows)}\n`);
if (values.save) {
  const folder = new URL('results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const record = { captions: n, cfg_strength: Number(values.strength), revision: await model.revision(), rows };
  writeFileSync(new URL(`steps-${stage}.json`, folder), `${JSON.stringify(record, null, 2)}\n`);
}
await model.release();
