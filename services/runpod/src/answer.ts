/** Results in the shape that callers know: `glb_base64` and five numbers, or `{"error": message}`. */
import { ensureError, failureOf, type JobStats } from '@espalier/contracts';
import { canSignLinks, type ObjectStore } from '@espalier/storage';

/** Body of the final post. `stopPod` asks RunPod for a fresh worker. */
export interface DoneBody {
  readonly output?: Answer;
  readonly error?: string;
  readonly stopPod?: true;
}

export interface Answer {
  /** The file; absent when it is too big to be handed over. */
  readonly glb_base64?: string;
  /** Where to fetch it instead, until `glb_url_expires_at`. */
  readonly glb_url?: string;
  readonly glb_url_expires_at?: string;
  readonly vertex_count: number;
  readonly face_count: number;
  readonly glb_size_bytes: number;
  readonly generation_time_seconds: number;
  readonly seed_used: number;
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

export async function answerOf(asset: FinishedAsset, options: AnswerOptions): Promise<Answer> {
  const encoded = Math.ceil(asset.stats.glb_size_bytes / 3) * 4;
  return encoded + FIELDS_BYTES <= options.inlineBytes ? inlineAnswer(asset, options) : linkedAnswer(asset, options);
}

async function inlineAnswer(asset: FinishedAsset, options: AnswerOptions): Promise<Answer> {
  const object = await options.store.get(asset.glbKey);
  if (object === undefined) return linkedAnswer(asset, options);
  return { glb_base64: Buffer.from(object.body).toString('base64'), ...numbers(asset.stats) };
}

/** The file stays in the store: it cannot be lost, whatever becomes of this answer. */
export async function linkedAnswer({ stats, glbKey }: FinishedAsset, options: AnswerOptions): Promise<Answer> {
  const { store, linkSeconds, now } = options;
  if (!canSignLinks(store)) return { glb_url: `${store.location}/${glbKey}`, ...numbers(stats) };
  return {
    glb_url: await store.signLink(glbKey, linkSeconds),
    glb_url_expires_at: new Date(now + linkSeconds * 1000).toISOString(),
    ...numbers(stats),
  };
}

function numbers(stats: JobStats) {
  const { vertex_count, face_count, glb_size_bytes, generation_time_seconds, seed_used } = stats;
  return { vertex_count, face_count, glb_size_bytes, generation_time_seconds, seed_used };
}

/** The seed's own words for its own faults; never a stack. */
export function errorBody(thrown: unknown): DoneBody {
  const { code, message } = failureOf(ensureError(thrown));
  // What is left in an accelerator's memory after it ran out is unknown: the next job gets a fresh worker.
  return { error: message, ...(code === 'OUT_OF_MEMORY' && { stopPod: true as const }) };
}
