/**
 * The judge of colours. For every caption there is one true object with a label on each of its voxels: main colour, a
 * named part, or neither. A sample of the generated surface belongs to the label of the nearest voxel of the true
 * object; a named colour is right when it is the commonest palette colour among the samples of its label.
 */
import type { Caption, Palette } from './captions.ts';
import type { SurfaceSample } from './surface-samples.ts';

/** Labels of the truth file: 0 no voxel, 1 main colour, 2 + i the i-th named part, 255 anything else. */
const MAIN = 1;
const FIRST_PART = 2;
const RESOLUTION = 32;
/** Voxels that a sample may lie away from the true object and still be judged. */
const REACH = 4;

export interface ColourVerdict {
  /** Undefined where the caption names no main colour or material. */
  readonly main?: boolean;
  readonly parts: Readonly<Record<string, boolean>>;
  /** The commonest colour where each named part is; null where nothing of the surface is near it. */
  readonly found: Readonly<Record<string, string | null>>;
  /** Palette shares over the whole surface, largest first. */
  readonly shares: readonly (readonly [string, number])[];
}

/** Name of the palette colour nearest in sRGB. */
export function nearestColour(rgb: readonly [number, number, number], palette: Palette): string {
  let best = '';
  let least = Number.POSITIVE_INFINITY;
  for (const [name, [r, g, b]] of palette) {
    const distance = (rgb[0] - r) ** 2 + (rgb[1] - g) ** 2 + (rgb[2] - b) ** 2;
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

/** Label of the true voxel nearest to a point, within REACH. */
function labelAt(truth: Uint8Array, point: readonly [number, number, number]): number | undefined {
  const [x, y, z] = point.map((value) => (value + 0.5) * RESOLUTION - 0.5) as [number, number, number];
  let label: number | undefined;
  let least = REACH ** 2;
  const from = (value: number) => Math.max(0, Math.ceil(value - REACH));
  const to = (value: number) => Math.min(RESOLUTION - 1, Math.floor(value + REACH));
  for (let i = from(x); i <= to(x); i++) {
    for (let j = from(y); j <= to(y); j++) {
      for (let k = from(z); k <= to(z); k++) {
        const found = truth[(i * RESOLUTION + j) * RESOLUTION + k];
        if (!found) continue;
        const distance = (i - x) ** 2 + (j - y) ** 2 + (k - z) ** 2;
        if (distance < least) {
          least = distance;
          label = found;
        }
      }
    }
  }
  return label;
}

function commonest(counts: ReadonlyMap<string, number> | undefined): string | undefined {
  return counts && [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

export function judgeColours(
  caption: Caption,
  samples: readonly SurfaceSample[],
  truth: Uint8Array,
  palette: Palette,
): ColourVerdict {
  const byLabel = new Map<number, Map<string, number>>();
  const all = new Map<string, number>();
  for (const { point, rgb } of samples) {
    const name = nearestColour(rgb, palette);
    all.set(name, (all.get(name) ?? 0) + 1);
    const label = labelAt(truth, point);
    if (label === undefined) continue;
    const counts = byLabel.get(label) ?? new Map<string, number>();
    counts.set(name, (counts.get(name) ?? 0) + 1);
    byLabel.set(label, counts);
  }
  const named = caption.colour ?? caption.material;
  const found = Object.keys(caption.parts).map(
    (part, i) => [part, commonest(byLabel.get(FIRST_PART + i)) ?? null] as const,
  );
  const shares = [...all].map(([name, count]) => [name, count / samples.length] as const);
  return {
    ...(named !== null && { main: commonest(byLabel.get(MAIN)) === named }),
    parts: Object.fromEntries(found.map(([part, colour]) => [part, colour === caption.parts[part]])),
    found: Object.fromEntries(found),
    shares: shares.sort((a, b) => b[1] - a[1]),
  };
}

/** Whether the main colour and that of every named part are right. */
export function bothRight({ main, parts }: Pick<ColourVerdict, 'main' | 'parts'>): boolean {
  return main === true && Object.values(parts).every(Boolean);
}

/** The voxels of a twin as samples of a surface: their centres, each in the palette's very colour. */
function twinSamples(twin: Uint8Array, palette: Palette): SurfaceSample[] {
  const colours = [...palette.values()];
  const centre = (value: number): number => (value + 0.5) / RESOLUTION - 0.5;
  const samples: SurfaceSample[] = [];
  for (const [index, value] of twin.entries()) {
    const rgb = colours[value - 1];
    if (rgb === undefined) continue;
    const [x, y, z] = [index >> 10, (index >> 5) & 31, index & 31];
    samples.push({ point: [centre(x), centre(y), centre(z)], rgb });
  }
  return samples;
}

/**
 * Share of captions with two colours whose other true object this judge calls right: forms of a category differ in
 * where their parts are, so no model can be expected to do better.
 */
export function ceilingOfColours(
  captions: readonly Caption[],
  truths: readonly Uint8Array[],
  twins: readonly Uint8Array[],
  palette: Palette,
): number {
  const verdicts = captions.flatMap((caption, i) => {
    if ((caption.colour ?? caption.material) === null || Object.keys(caption.parts).length === 0) return [];
    const samples = twinSamples(twins[i] as Uint8Array, palette); // as many as captions
    return [bothRight(judgeColours(caption, samples, truths[i] as Uint8Array, palette))];
  });
  return verdicts.filter(Boolean).length / Math.max(1, verdicts.length);
}
