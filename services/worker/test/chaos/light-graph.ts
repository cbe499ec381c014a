/**
 * Stages that take little work and keep every promise of the real ones: each content is a digest of its inputs and
 * parameters, two of them go step by step, save in the middle and go on from a save. In the real runner, over real
 * checkpoints, so that what is tested is who works on what, not what networks compute.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { STAGES, type StageName } from '@espalier/contracts';
import {
  type PipelineRuntime,
  SavePace,
  type Stage,
  type StageContent,
  type StageContext,
  type StageGraph,
} from '@espalier/pipeline';

export interface LightOptions {
  /** Steps of each of the two stages that have any. */
  readonly steps: number;
  readonly stepMs: number;
  /** Steps that a crash may lose: two saves are written in so many, as the samplers do it. */
  readonly saveEvery: number;
  /** Length of the first stage after the hand-over. @defaultValue 0 */
  readonly surfaceMs?: number;
  /** Of each stage's content, at least. @defaultValue a digest's 32 */
  readonly bytes?: number;
}

/** Whatever the light stages write of themselves is right. */
const ANY = { parse: (value: unknown) => value } as unknown as Stage['state'];

const INPUTS: Readonly<Record<StageName, readonly StageName[]>> = {
  condition: [],
  structure: ['condition'],
  latent: ['condition', 'structure'],
  decode: ['condition', 'latent'],
  surface: ['decode'],
  texture: ['surface'],
  export: ['surface', 'texture'],
};

const digest = (...parts: (string | Uint8Array)[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** What `stats.json` is made of. */
const EXPORT_STATE = {
  raw: { vertices: 3, faces: 1 },
  cleaning: {
    broken_faces: 0,
    hidden_faces: 0,
    speck_faces: 0,
    holes_closed: 0,
    holes_left: 0,
    clean_faces: 1,
    simplify_error: 0,
  },
  asset: {
    vertices: 3,
    faces: 1,
    components: 1,
    boundary_edges: 3,
    non_manifold_edges: 0,
    watertight: false,
    manifold: true,
    area: 1,
    volume: 0,
    uv_coverage: 1,
    uv_overlap: 0,
    texels_per_unit: 1,
    bytes: { total: 32, json: 0, geometry: 0, images: 0 },
    unwrap: 'charts',
    charts: 1,
    baked_from: 'vertices',
  },
  bounds: { min: [0, 0, 0], max: [1, 1, 1] },
  tokens: { tokens: 3, used: 3, truncated: false, truncated_text: '', unknown_words: [] },
  validator: { version: '1', errors: 0, warnings: 0, infos: 0, hints: 0 },
  findings: [],
  device: 'cpu',
};

export function lightGraph(options: LightOptions): StageGraph {
  const stages = {} as Record<StageName, Stage>;
  for (const name of STAGES) stages[name] = lightStage(name, options, stages);
  return stages;
}

function repeated(value: Uint8Array, bytes: number): Uint8Array {
  const times = Math.ceil(bytes / value.length);
  const whole = new Uint8Array(times * value.length);
  for (let i = 0; i < times; i += 1) whole.set(value, i * value.length);
  return whole;
}

function lightStage(
  name: StageName,
  { steps, stepMs, saveEvery, surfaceMs = 0, bytes = 32 }: LightOptions,
  stages: Record<StageName, Stage>,
): Stage {
  const stepped = name === 'structure' || name === 'latent';
  const tensor = name === 'export' ? 'glb' : 'x';
  const content = (data: Uint8Array): StageContent<unknown> => ({
    tensors: { [tensor]: { dtype: 'U8', shape: [data.length], data } },
    state: name === 'export' ? EXPORT_STATE : {},
  });
  return {
    name,
    version: 1,
    inputs: INPUTS[name],
    tensors: { [tensor]: { dtype: 'U8', shape: [null] } },
    state: ANY,
    ...(stepped && { save: { tensors: { x: { dtype: 'U8', shape: [null] } }, state: ANY }, steps: () => steps }),
    parameters: ({ job }) => ({ seed: job.input.seed, prompt: job.input.prompt, simplify: job.input.simplify }),
    async run(context: StageContext) {
      const inputs = INPUTS[name].map((input) => context.input(stages[input]).tensors.x?.data as Uint8Array);
      let value = digest(name, JSON.stringify(context.parameters), ...inputs);
      if (name === 'surface' && surfaceMs > 0) await sleep(surfaceMs, undefined, { signal: context.signal });
      if (stepped) {
        const { resume } = context;
        let step = resume?.step ?? 0;
        if (resume !== undefined) value = resume.tensors.x?.data as Uint8Array;
        const pace = new SavePace({ interval: saveEvery, now: () => step });
        while (step < steps) {
          await sleep(stepMs, undefined, { signal: context.signal });
          value = digest(value, String(step));
          step += 1;
          context.onStep(step, steps);
          if (pace.isDue && step < steps) {
            const tensors = { x: { dtype: 'U8', shape: [value.length], data: value } } as const;
            const done = step;
            await pace.begin(() => context.onSave({ step: done, tensors, state: {} }));
          }
        }
      }
      return content(repeated(value, bytes));
    },
  };
}

/** A runtime whose stages ask nothing of it. */
export const LIGHT_RUNTIME = {
  model: {
    name: 'light',
    revision: 'light-1',
    samplers: {
      structure: { steps: 1, cfg_strength: 1, cfg_interval: [0, 1], rescale_t: 1 },
      latent: { steps: 1, cfg_strength: 1, cfg_interval: [0, 1], rescale_t: 1 },
    },
  },
  inference: { usage: { peakMemoryBytes: 0 } },
  conditions: new Map(),
} as unknown as PipelineRuntime;
