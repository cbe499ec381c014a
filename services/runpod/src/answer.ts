/** Results in the shape that callers know: `glb_base64` and five numbers, or `{"error": message}`. */
import { assetNumbers, ensureError, failureOf, type JobStats, type RunpodOutput } from '@espalier/contracts';
import { linkGlb, type ObjectStore } from '@espalier/storage';

/** Body of the final post. `stopPod` asks RunPod for a fresh worker. */
export interface DoneBody {
  readonly output?: RunpodOutput | Readonly<Record<string, unknown>>;
  readonly error?: string;
  readonly stopPod?: true;
}

export interface FinishedAsset {
  readonly stats: JobStats;
  /** Key of the GLB in the store. */
  readonly glbKey: string;
}

export interface AnswerOptions {
  readonly store: ObjectStore;
  /** Largest body in bytes that is handed over with the file in it. */
  readonly inlineBytes: number;
  /** Life of a signed link in seconds. */
  readonly linkSeconds: number;
  readonly now: number;
}

/** Room for the other fields beside the file. */
const FIELDS_BYTES = 1024;

export async function answerOf(asset: FinishedAsset, options: AnswerOptions): Promise<RunpodOutput> {
  const encoded = Math.ceil(asset.stats.glb_size_bytes / 3) * 4;
  return encoded + FIELDS_BYTES <= options.inlineBytes ? inlineAnswer(asset, options) : linkedAnswer(asset, options);
}

async function inlineAnswer(asset: FinishedAsset, options: AnswerOptions): Promise<RunpodOutput> {
  const object = await options.store.get(asset.glbKey);
  if (object === undefined) return linkedAnswer(asset, options);
  return { glb_base64: Buffer.from(object.body).toString('base64'), ...assetNumbers(asset.stats) };
}

/** The file stays in the store: it cannot be lost, whatever becomes of this answer. */
export async function linkedAnswer({ stats, glbKey }: FinishedAsset, options: AnswerOptions): Promise<RunpodOutput> {
  const { store, linkSeconds, now } = options;
  const otherwise = `${store.location}/${glbKey}`;
  return { ...(await linkGlb(store, glbKey, { seconds: linkSeconds, now, otherwise })), ...assetNumbers(stats) };
}

/** The seed's own words for its own faults; never a stack. */
export function errorBody(thrown: unknown): DoneBody {
  const { code, message } = failureOf(ensureError(thrown));
  // What is left in an accelerator's memory after it ran out is unknown: the next job gets a fresh worker.
  return { error: message, ...(code === 'OUT_OF_MEMORY' && { stopPod: true as const }) };
}
