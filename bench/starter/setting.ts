/** What one sampler setting makes of one caption, by the networks alone: no texture, no file. */
import { ATTRIBUTE_CHANNELS, extractSurface, type RawMesh } from '@espalier/geometry';
import { TorchGenerator } from '@espalier/tensors';
import type { TrellisModel } from '@espalier/trellis';
import type { Caption, Occupancies, Palette } from './captions.ts';
import { bothRight, judgeColours } from './colours.ts';
import { iou, nearest, occupancyBits } from './judge.ts';
import type { SurfaceSample } from './surface-samples.ts';

/** Fields of the sampler that a setting changes; the others stay as in `pipeline.json`. */
export interface Setting {
  readonly steps: number;
  readonly cfg_strength: number;
  readonly cfg_interval: [number, number];
  readonly rescale_t: number;
}

/** Figures of one caption under one setting; null where the caption has nothing to judge. */
export interface Outcome {
  readonly seconds: number;
  /** Evaluations of the flow model. */
  readonly passes: number;
  readonly category?: boolean;
  readonly own_iou?: number;
  readonly main_colour?: boolean | null;
  readonly both_colours?: boolean | null;
  /** Of what the setting with the most steps makes of the same noise: IoU of voxels, or 1 - relative error. */
  readonly like_most_steps: number;
}

export interface Judging {
  readonly references: Occupancies;
  readonly palette: Palette;
}

/** Every setting from the same noise. `at` gives the seed. */
export async function structures(
  model: TrellisModel,
  caption: Caption,
  at: number,
  settings: readonly Setting[],
  { references }: Judging,
): Promise<Outcome[]> {
  const { cond, negative } = await model.encodeText(caption.caption);
  const made: (Omit<Outcome, 'like_most_steps'> & { readonly bits: Uint32Array })[] = [];
  for (const params of settings) {
    const count = { passes: 0 };
    const started = performance.now();
    const generator = new TorchGenerator(1000 + at);
    const latent = await model.sampleStructure({ cond, negative, generator, params, onStep: counting(count) });
    const seconds = (performance.now() - started) / 1000;
    const coords = await model.decodeStructure(latent);
    const bits = occupancyBits(Int16Array.from(coords.data.filter((_, i) => i % 4 !== 0)));
    const { category, ownIou } = nearest(bits, references, caption.category);
    made.push({ seconds, ...count, category: category === caption.category, own_iou: ownIou, bits });
  }
  const most = made[longest(settings)]?.bits;
  return made.map(({ bits, ...rest }) => ({ ...rest, like_most_steps: iou(bits, most ?? bits) }));
}

/** Every setting from the same noise on the same structure, which is sampled as `pipeline.json` has it. */
export async function latents(
  model: TrellisModel,
  caption: Caption,
  at: number,
  settings: readonly Setting[],
  { palette, truth }: Judging & { readonly truth: Uint8Array },
): Promise<Outcome[]> {
  const { cond, negative } = await model.encodeText(caption.caption);
  const generator = new TorchGenerator(1000 + at);
  const coords = await model.decodeStructure(await model.sampleStructure({ cond, negative, generator }));
  const noise = generator.state();
  const made: (Omit<Outcome, 'like_most_steps'> & { readonly data: Float32Array })[] = [];
  for (const params of settings) {
    const count = { passes: 0 };
    const started = performance.now();
    const own = { cond, negative, coords, params, generator: TorchGenerator.restore(noise) };
    const slat = await model.sampleLatent({ ...own, onStep: counting(count) });
    const seconds = (performance.now() - started) / 1000;
    const mesh = extractSurface({ ...(await model.decodeMesh({ coords, slat })), fillEnclosed: true });
    const verdict = judgeColours(caption, vertexSamples(mesh), truth, palette);
    const paired = verdict.main !== undefined && Object.keys(verdict.parts).length > 0;
    const colours = { main_colour: verdict.main ?? null, both_colours: paired ? bothRight(verdict) : null };
    made.push({ seconds, ...count, ...colours, data: slat.data as Float32Array });
  }
  const most = made[longest(settings)]?.data;
  return made.map(({ data, ...rest }) => ({ ...rest, like_most_steps: likeness(data, most ?? data) }));
}

function counting(count: { passes: number }) {
  return ({ point }: { readonly point: { readonly guided: boolean } }): void => {
    count.passes += point.guided ? 2 : 1;
  };
}

function longest(settings: readonly Setting[]): number {
  return settings.findLastIndex(({ steps }) => steps === Math.max(...settings.map((each) => each.steps)));
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

/** 1 less the error of features relative to their spread. */
function likeness(a: Float32Array, b: Float32Array): number {
  let [error, power] = [0, 0];
  for (const [i, value] of a.entries()) {
    error += (value - (b[i] as number)) ** 2;
    power += (b[i] as number) ** 2;
  }
  return 1 - Math.sqrt(error / power);
}
