/**
 * What the main process and the inference process say to each other.
 *
 * Control is small JSON, checked on both edges. Values travel as typed arrays (structured clone), large ones in
 * chunks: receiving tens of megabytes in one piece would hold up the main process for a tenth of a second.
 */
import { TokenReportSchema } from '@espalier/contracts';
import { generatorStateSchema, type Tensor } from '@espalier/tensors';
import { z } from 'zod';

export const SamplerParamsSchema = z.object({
  steps: z.int().min(1),
  cfg_strength: z.number(),
  cfg_interval: z.tuple([z.number(), z.number()]),
  rescale_t: z.number().positive(),
});
/** Settings of one sampling, complete. */
export type SamplerParams = z.infer<typeof SamplerParamsSchema>;

const sampling = z.object({
  params: SamplerParamsSchema,
  /** Where the generator stands: before the noise is drawn, or after it when `step` is given. */
  generator: generatorStateSchema,
  /** Steps done; the tensor `sample` then holds the sample after them. */
  step: z.int().min(0).optional(),
  /** A save is sent twice in this time, so that a crash loses no more than this; 0: after every step. */
  save_every_ms: z.number().min(0),
});
const sampled = z.object({ generator: generatorStateSchema });

/** Arguments and result of every method. Tensors stand beside them, by name. */
export const METHODS = {
  open: {
    args: z.object({
      folder: z.string(),
      device: z.enum(['auto', 'cuda', 'cpu']),
      threads: z.int().min(1).optional(),
      hugging_face_home: z.string().optional(),
    }),
    result: z.object({ device: z.string() }),
  },
  /** -> `cond`, `negative` [1, T, C]. */
  encode_text: { args: z.object({ prompt: z.string() }), result: z.object({ report: TokenReportSchema }) },
  /** `cond`, `negative`, `sample`? -> `latent` [1, C, R, R, R], `coords` [N, 4]. */
  sample_structure: { args: sampling, result: sampled },
  /** `cond`, `negative`, `coords`, `sample`? -> `latent` [N, C]. */
  sample_latent: { args: sampling, result: sampled },
  /** `coords`, `latent` -> the raw mesh and, when asked for and there is a decoder, the Gaussians. */
  decode: {
    args: z.object({ fill_enclosed: z.boolean(), gaussians: z.boolean() }),
    result: z.object({ resolution: z.int().min(1) }),
  },
} as const;
export type Method = keyof typeof METHODS;
export type MethodArgs<M extends Method> = z.output<(typeof METHODS)[M]['args']>;
export type MethodResult<M extends Method> = z.output<(typeof METHODS)[M]['result']>;

const TensorSchema = z.custom<Tensor>(isTensor, { error: 'must be a tensor: dtype, shape and typed array' });
const TensorsSchema = z.record(z.string(), TensorSchema);
const id = z.int().min(0);

/** Main process to inference process. */
export const RequestSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('call'),
    id,
    method: z.enum(Object.keys(METHODS) as [Method, ...Method[]]),
    args: z.unknown(),
    tensors: TensorsSchema,
  }),
  z.object({ kind: z.literal('cancel'), id }),
  /** The save that was sent last is durable, or never will be. */
  z.object({ kind: z.literal('saved'), id }),
]);
export type Request = z.infer<typeof RequestSchema>;

const WireErrorSchema = z.object({
  consequence: z.enum(['terminal', 'rejected', 'retryable', 'cancelled', 'unknown']),
  code: z.string(),
  message: z.string(),
  field: z.string().optional(),
  remedy: z.string().optional(),
  stack: z.string().optional(),
});
export type WireError = z.infer<typeof WireErrorSchema>;

/** Seen at the end of a call. */
const UsageSchema = z.object({
  /** Highest resident memory of the process so far, bytes. */
  peak_memory_bytes: z.number().min(0),
  /** Time spent in the call. */
  seconds: z.number().min(0),
});

/** Inference process to main process. */
export const ReplySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('step'), id, step: z.int().min(0), steps: z.int().min(1) }),
  /** What is left of the call needs no device. */
  z.object({ kind: z.literal('device_free'), id }),
  z.object({
    kind: z.literal('save'),
    id,
    step: z.int().min(0),
    generator: generatorStateSchema,
    tensors: TensorsSchema,
  }),
  z.object({
    kind: z.literal('chunk'),
    id,
    tensor: z.string(),
    offset: z.int().min(0),
    bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  }),
  z.object({
    kind: z.literal('result'),
    id,
    value: z.unknown(),
    /** Their values came before, in chunks. */
    tensors: z.record(z.string(), z.object({ dtype: z.string(), shape: z.array(z.int().min(0)) })),
    usage: UsageSchema,
  }),
  z.object({ kind: z.literal('error'), id, error: WireErrorSchema, usage: UsageSchema }),
]);
export type Reply = z.infer<typeof ReplySchema>;
export type Save = Extract<Reply, { kind: 'save' }>;

function isTensor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { dtype, shape, data } = value as Partial<Tensor>;
  if (typeof dtype !== 'string' || !Array.isArray(shape) || !ArrayBuffer.isView(data)) return false;
  const count = shape.reduce((product: number, extent) => product * Number(extent), 1);
  return 'length' in data && data.length === count;
}
