/**
 * Seconds of a job, from what was measured. Whole jobs of TRELLIS-text-xlarge's shape ran on one H200 (`bench/gpu`); other
 * cards are reckoned from it:
 *
 *     seconds(card) = host + products * (float16 rate of the H200 / card's) + rest * (bandwidth of the H200 / card's)
 *
 * `products` is what of the networks' time goes into products of matrices and attention, by the kernels' own times, `rest` all
 * else of it, waiting among it. `host` is what a job takes beyond its networks where jobs overlap; it is taken to cost the
 * same elsewhere. Launches, which are part of the rest, would take no longer on a smaller card; that it comes as near to its
 * published rates is an assumption.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Bandwidth in GB/s; dense float16 rate of the tensor cores in TFLOP/s. */
interface Card {
  readonly bandwidth: number;
  readonly float16: number;
}

/** NVIDIA's data sheets (H200 SXM, L4), dense rates being half of those with sparsity; A10G: Baseten's comparison with the A10. */
const CARDS = {
  h200: { bandwidth: 4800, float16: 989 },
  l4: { bandwidth: 300, float16: 121 },
  a10g: { bandwidth: 600, float16: 70 },
} satisfies Record<string, Card>;

/** Of a flow's 25 steps, those that take two velocities and those that take one: `GUIDED` and `PLAIN` of `bench/gpu/report.py`. */
const [GUIDED, PLAIN] = [19, 6];

const NetworkSchema = z.object({ ms: z.number() });
const FlowSchema = NetworkSchema.extend({ guidedMs: z.number() });
const KernelSchema = z.object({ kernel: z.string(), us: z.number() });

const GpuSchema = z.object({
  networks: z.object({
    ss_flow: FlowSchema,
    ss_dec: NetworkSchema,
    'slat_flow.20000': FlowSchema,
    slat_dec_mesh: NetworkSchema,
    slat_dec_gs: NetworkSchema,
  }),
  traces: z.array(z.object({ case: z.string(), span_ms: z.number(), kernels: z.array(KernelSchema) })),
  overlap: z.tuple([
    z.object({ overlap: z.literal(false), secondsAJob: z.number() }),
    z.object({ overlap: z.literal(true), secondsAJob: z.number() }),
  ]),
  job: z.object({ raw_face_count: z.number() }),
  soak: z.array(z.looseObject({ voxels: z.number().optional() })),
});
/** Kernels of products of matrices and of attention, as cuBLAS and cuDNN name them. */
const PRODUCTS = /nvjet|gemm|sdpa|flash_fwd/;

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

const gpu = () => GpuSchema.parse(read('../gpu/results/5-guided.json'));

/** Of the GPU lane, for a job whose machine is warm. The latent flow was measured at 20,000 voxels, and takes time in proportion. */
export function gpuSeconds(name: keyof typeof CARDS): number {
  const { networks, traces, overlap, soak } = gpu();
  // The soak's first object is the job's.
  const voxels = soak[0]?.voxels ?? 20_000;
  const sampling = ({ guidedMs, ms }: z.infer<typeof FlowSchema>) => (GUIDED * guidedMs + PLAIN * ms) / 1000;
  const share = (network: string) => {
    const { kernels, span_ms: span } = traces.find(({ case: of }) => of === `kernels-${network}`) ?? {
      kernels: [],
      span_ms: 1,
    };
    return sum(kernels.filter(({ kernel }) => PRODUCTS.test(kernel)).map(({ us }) => us / 1000)) / span;
  };
  const latent = networks['slat_flow.20000'];
  const parts = [
    { seconds: sampling(networks.ss_flow), products: share('ss_flow') },
    { seconds: sampling(latent) * (voxels / 20_000), products: share('slat_flow.20000') },
    ...[networks.ss_dec, networks.slat_dec_mesh, networks.slat_dec_gs].map(({ ms }) => ({
      seconds: ms / 1000,
      products: 0,
    })),
  ];
  const host = overlap[1].secondsAJob - sum(parts.map(({ seconds }) => seconds));
  const { h200, [name]: card } = CARDS;
  const slower = { products: h200.float16 / card.float16, rest: h200.bandwidth / card.bandwidth };
  return (
    host +
    sum(parts.map(({ seconds, products }) => seconds * (products * slower.products + (1 - products) * slower.rest)))
  );
}

/** What a job holds the GPU for longer where the mesh is extracted before the next one begins. */
export function extractionSeconds(): number {
  const [{ secondsAJob: apart }, { secondsAJob: overlapping }] = gpu().overlap;
  return apart - overlapping;
}

/** Finishing the same job on two cores: the mean of `bench/finish` by face of the raw mesh, times the job's faces. */
export function finishSeconds(): number {
  const { results } = FinishSchema.parse(read('../finish/results/finish.json')).figures;
  const seconds = sum(results.map(({ ours }) => sum(Object.values(ours.seconds))));
  return (seconds / sum(results.map(({ ours }) => ours.rawFaces))) * gpu().job.raw_face_count;
}
