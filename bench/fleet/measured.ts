/**
 * Seconds of a job, from what was measured. A whole job of TRELLIS-text-xlarge's shape ran on one H100 (`bench/gpu`); other
 * cards are reckoned from it:
 *
 *     seconds(card) = host + networks * max(bandwidth of the H100 / card's, float16 rate of the H100 / card's)
 *
 * `networks` are the job's calls, each at its measured time: 25 steps of two calls for either flow, each decoder once. `host` is what
 * else the GPU lane took, less what happens once on a machine: sessions that are opened, and their first calls. It is taken to
 * cost the same elsewhere. Taking the worse of the two rates for everything is an upper bound: launches, which are part of the
 * time on an H100, would take no longer on a smaller card.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Bandwidth in GB/s; dense float16 rate of the tensor cores in TFLOP/s. */
interface Card {
  readonly bandwidth: number;
  readonly float16: number;
}

/** NVIDIA's data sheets (H100 SXM, L4), dense rates being half of those with sparsity; A10G: Baseten's comparison with the A10. */
const CARDS = {
  h100: { bandwidth: 3350, float16: 989 },
  l4: { bandwidth: 300, float16: 121 },
  a10g: { bandwidth: 600, float16: 70 },
} satisfies Record<string, Card>;

const NetworkSchema = z.object({ ms: z.number(), firstMs: z.number(), openSeconds: z.number() });
const FlowSchema = NetworkSchema.extend({ guidedMs: z.number() });
const StageSchema = z.object({ seconds: z.number() });

const JobSchema = z.object({
  networks: z.object({
    ss_flow: FlowSchema,
    ss_dec: NetworkSchema,
    'slat_flow.20000': FlowSchema,
    slat_dec_mesh: NetworkSchema,
    slat_dec_gs: NetworkSchema,
  }),
  job: z.object({
    raw_face_count: z.number(),
    stages: z.object({
      condition: StageSchema,
      structure: StageSchema.extend({ steps: z.number() }),
      latent: StageSchema.extend({ steps: z.number() }),
      decode: StageSchema,
    }),
  }),
  soak: z.array(z.looseObject({ voxels: z.number().optional() })),
});

const FinishSchema = z.object({
  figures: z.object({
    results: z.array(
      z.object({
        ours: z.object({
          rawFaces: z.number(),
          seconds: z.object({ surface: z.number(), texture: z.number(), export: z.number() }),
        }),
      }),
    ),
  }),
});

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Of the GPU lane, for a job whose machine is warm. The latent flow was measured at 20,000 voxels, and takes time in proportion. */
export function gpuSeconds(name: keyof typeof CARDS): number {
  const { networks, job, soak } = JobSchema.parse(read('../gpu/results/4-packed.json'));
  const { condition, structure, latent, decode } = job.stages;
  // The soak's first object is the job's.
  const voxels = soak[0]?.voxels ?? 20_000;
  const calls = sum([
    (structure.steps * networks.ss_flow.guidedMs) / 1000,
    ((latent.steps * networks['slat_flow.20000'].guidedMs) / 1000) * (voxels / 20_000),
    networks.ss_dec.ms / 1000,
    networks.slat_dec_mesh.ms / 1000,
    networks.slat_dec_gs.ms / 1000,
  ]);
  const once = sum(Object.values(networks).map(({ openSeconds, firstMs, ms }) => openSeconds + (firstMs - ms) / 1000));
  const host = sum([condition, structure, latent, decode].map(({ seconds }) => seconds)) - calls - once;
  const { h100, [name]: card } = CARDS;
  return host + calls * Math.max(h100.bandwidth / card.bandwidth, h100.float16 / card.float16);
}

/** Finishing the same job on two cores: the mean of `bench/finish` by face of the raw mesh, times the job's faces. */
export function finishSeconds(): number {
  const { job } = JobSchema.parse(read('../gpu/results/4-packed.json'));
  const { results } = FinishSchema.parse(read('../finish/results/finish.json')).figures;
  const seconds = sum(results.map(({ ours }) => sum(Object.values(ours.seconds))));
  return (seconds / sum(results.map(({ ours }) => ours.rawFaces))) * job.raw_face_count;
}
