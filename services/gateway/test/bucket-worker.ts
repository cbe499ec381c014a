/**
 * Plays the worker's part in the bucket: moves status records and writes results exactly as the records' schemas
 * say, step by step under the test's control. The gateway sees nothing but the bucket, so this is all of a worker
 * that it can see.
 */
import { readFileSync } from 'node:fs';
import {
  type JobStats,
  type JobStatus,
  JobStatusSchema,
  parseJob,
  parseJobBody,
  STAGES,
  type StageName,
} from '@espalier/contracts';
import { cancelKey, jobKey, type ObjectStore, resultKey, statusKey } from '@espalier/storage';

/** A textured cube, 12 triangles: made by `cube.ts`, valid to the Khronos validator. */
export const CUBE = new Uint8Array(readFileSync(new URL('./cube.glb', import.meta.url)));

export class BucketWorker {
  readonly #store: ObjectStore;
  readonly #now: () => number;

  constructor(store: ObjectStore, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  async claim(id: string, seed = 42): Promise<void> {
    const object = await this.#store.get(jobKey(id));
    if (object === undefined) throw new Error(`no job ${id}`);
    const job = parseJob(parseJobBody(object.body), { id, random: () => seed });
    const before = await this.#read(id);
    const at = this.#time();
    await this.#write({
      id,
      state: 'running',
      source: jobKey(id),
      job_etag: object.etag,
      seed: job.input.seed,
      attempt: before?.job_etag === object.etag ? before.attempt + 1 : 1,
      crashes: 0,
      worker: 'worker-1',
      lease_until: new Date(this.#now() + 30_000).toISOString(),
      submitted_at: new Date(object.modifiedAt).toISOString(),
      updated_at: at,
      events: [{ at, state: 'running', attempt: 1, worker: 'worker-1' }],
    });
  }

  async stage(id: string, stage: StageName, step?: number, steps?: number): Promise<void> {
    await this.#change(id, (status) => {
      const { step: _step, steps: _steps, ...rest } = status;
      return {
        ...rest,
        stage,
        ...(step !== undefined && { step }),
        ...(steps !== undefined && { steps }),
        events:
          status.stage === stage
            ? status.events
            : [
                ...status.events,
                { at: this.#time(), state: 'running', stage, attempt: status.attempt, worker: 'worker-1' },
              ],
      };
    });
  }

  /** @param more files beside the GLB, by name */
  async succeed(
    id: string,
    glb: Uint8Array = CUBE,
    changes: Partial<JobStats> = {},
    more: Readonly<Record<string, Uint8Array>> = {},
  ): Promise<void> {
    const status = await this.#read(id);
    const object = await this.#store.get(jobKey(id));
    if (status === undefined || object === undefined) throw new Error(`${id} was not claimed`);
    const job = parseJob(parseJobBody(object.body), { id, random: () => status.seed ?? 0 });
    const stats: JobStats = {
      vertex_count: 24,
      face_count: 12,
      glb_size_bytes: glb.byteLength,
      generation_time_seconds: 7.25,
      seed_used: status.seed ?? 0,
      id,
      prompt: job.input.prompt,
      simplify: job.input.simplify,
      texture_size: job.input.texture_size,
      tags: { ...job.tags },
      raw_vertex_count: 48_200,
      raw_face_count: 96_400,
      bounds: { min: [-0.5, -0.5, -0.5], max: [0.5, 0.5, 0.5] },
      stages: {
        condition: { seconds: 0.08, cached: false },
        structure: { seconds: 2.1, cached: false, steps: 25 },
        latent: { seconds: 2.9, cached: false, steps: 25 },
        decode: { seconds: 0.7, cached: true },
        surface: { seconds: 0.6, cached: false },
        texture: { seconds: 0.75, cached: false },
        export: { seconds: 0.12, cached: false },
      },
      peak_memory_bytes: { main: 310_000_000, inference: 890_000_000 },
      device: 'cpu',
      model: { name: 'starter', revision: 'a'.repeat(64) },
      tokens: { tokens: 7, used: 7, truncated: false, truncated_text: '', unknown_words: [] },
      validator: { version: '2.0.0', errors: 0, warnings: 0, infos: 0, hints: 0 },
      espalier_version: '0.1.0',
      ...changes,
    };
    await this.#store.put(resultKey(id, 'model.glb'), glb);
    await this.#store.put(resultKey(id, 'stats.json'), Buffer.from(JSON.stringify(stats)));
    for (const [name, body] of Object.entries(more)) await this.#store.put(resultKey(id, name), body);
    const names = ['model.glb', 'stats.json', ...Object.keys(more)];
    await this.#change(id, (before) => ({
      ...this.#ended(before, 'succeeded'),
      results: Object.fromEntries(names.map((name) => [name, resultKey(id, name)])),
    }));
  }

  async fail(id: string, code = 'INFERENCE_FAILED', message = 'the network failed'): Promise<void> {
    await this.#change(id, (status) => ({ ...this.#ended(status, 'failed'), error: { code, message } }));
  }

  /** What a worker does at its next step when a cancel marker is there. @returns whether it was */
  async heed(id: string): Promise<boolean> {
    if ((await this.#store.head(cancelKey(id))) === undefined) return false;
    await this.#change(id, (status) => this.#ended(status, 'cancelled'));
    return true;
  }

  /** The whole way, one stage after the other. Stops when cancelled. */
  async run(
    id: string,
    options: { readonly pause?: () => Promise<void>; readonly glb?: Uint8Array } = {},
  ): Promise<void> {
    const pause = options.pause ?? (async () => {});
    await this.claim(id);
    for (const stage of STAGES) {
      const steps = stage === 'structure' || stage === 'latent' ? 25 : undefined;
      for (let step = 0; step <= (steps ?? 0); step += 5) {
        await (steps === undefined ? this.stage(id, stage) : this.stage(id, stage, step, steps));
        await pause();
        if (await this.heed(id)) return;
      }
    }
    await this.succeed(id, options.glb);
  }

  #ended(status: JobStatus, state: JobStatus['state']): JobStatus {
    const { lease_until: _lease, ...rest } = status;
    const at = this.#time();
    const entry = { at, state, attempt: status.attempt, ...(status.stage !== undefined && { stage: status.stage }) };
    return { ...rest, state, finished_at: at, events: [...status.events, entry] };
  }

  async #change(id: string, change: (status: JobStatus) => JobStatus): Promise<void> {
    const status = await this.#read(id);
    if (status === undefined) throw new Error(`${id} was not claimed`);
    await this.#write({ ...change(status), updated_at: this.#time() });
  }

  async #read(id: string): Promise<JobStatus | undefined> {
    const object = await this.#store.get(statusKey(id));
    return object && JobStatusSchema.parse(JSON.parse(Buffer.from(object.body).toString()));
  }

  async #write(status: JobStatus): Promise<void> {
    await this.#store.put(statusKey(status.id), Buffer.from(JSON.stringify(JobStatusSchema.parse(status))));
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}
