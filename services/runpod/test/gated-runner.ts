/** Writes a job's files as the pipeline does; for tests of the protocol around it. */
import { type Job, type JobStats, STAGES } from '@espalier/contracts';
import { type ObjectStore, resultKey } from '@espalier/storage';
import type { AssetRunner } from '../src/index.ts';

export async function writeAsset(store: ObjectStore, job: Job, glb: Uint8Array): Promise<void> {
  const stats: JobStats = {
    vertex_count: 24,
    face_count: 12,
    glb_size_bytes: glb.byteLength,
    generation_time_seconds: 1.5,
    seed_used: job.input.seed,
    id: job.id,
    prompt: job.input.prompt,
    simplify: job.input.simplify,
    texture_size: job.input.texture_size,
    tags: {},
    raw_vertex_count: 100,
    raw_face_count: 200,
    bounds: { min: [0, 0, 0], max: [1, 1, 1] },
    stages: Object.fromEntries(STAGES.map((stage) => [stage, { seconds: 0.1, cached: false }])),
    peak_memory_bytes: { main: 1 },
    device: 'cpu',
    model: { name: 'test', revision: 'r' },
    tokens: { tokens: 3, used: 3, truncated: false, truncated_text: '', unknown_words: [] },
    validator: { version: '2', errors: 0, warnings: 0, infos: 0, hints: 0 },
    espalier_version: '0.1.0',
  };
  await store.put(resultKey(job.id, 'model.glb'), glb);
  await store.put(resultKey(job.id, 'stats.json'), Buffer.from(JSON.stringify(stats)));
}

/** A runner whose sampling waits at a gate between its steps. */
export class GatedRunner {
  readonly started: string[] = [];
  readonly firstStepAt = new Map<string, number>();
  readonly stopped: { readonly id: string; readonly reason: unknown }[] = [];
  readonly #store: ObjectStore;
  readonly #gates = new Map<string, PromiseWithResolvers>();
  glb: Uint8Array = new Uint8Array(Buffer.from('glTF and then some'));
  /** Thrown instead of making anything. */
  fault: Error | undefined;
  open: boolean;

  constructor(store: ObjectStore, open = true) {
    this.#store = store;
    this.open = open;
  }

  release(id: string): void {
    this.#gate(id).resolve();
  }

  readonly run: AssetRunner = async (job, { signal, onEvent }) => {
    this.started.push(job.id);
    onEvent({ type: 'stage.started', job: job.id, stage: 'structure', steps: 2 });
    this.firstStepAt.set(job.id, performance.now());
    onEvent({ type: 'stage.step', job: job.id, stage: 'structure', step: 1, steps: 2 });
    if (this.fault !== undefined) throw this.fault;
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => {}); // nobody may be waiting for it
    try {
      if (!this.open) await Promise.race([this.#gate(job.id).promise, aborted]);
      signal.throwIfAborted();
    } catch (reason) {
      this.stopped.push({ id: job.id, reason });
      throw reason;
    }
    onEvent({ type: 'stage.started', job: job.id, stage: 'export' });
    await writeAsset(this.#store, job, this.glb);
  };

  #gate(id: string): PromiseWithResolvers {
    let gate = this.#gates.get(id);
    if (gate === undefined) {
      let resolve = () => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      gate = { promise, resolve };
      this.#gates.set(id, gate);
    }
    return gate;
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}
