import { cp, mkdtemp, open, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { CancelledError, RetryableError, TerminalError } from '@espalier/contracts';
import { FolderStore, type ObjectStore, type PutOptions } from '@espalier/storage';
import { SafetensorsFile } from '@espalier/tensors';
import { beforeAll, describe, expect, it } from 'vitest';
import { glbOf, recorder, tinyRuntime } from '../../test/jobs.ts';
import { temporaryFolder, temporaryStore } from '../../test/temporary.ts';
import { TINY_MODEL, tinyJob } from '../../test/tiny-job.ts';
import { runJob } from './run-job.ts';
import { openRuntime, type PipelineRuntime } from './runtime.ts';

let runtime: PipelineRuntime;
/** The bucket of an undisturbed run, to be copied, and what it ended in. */
let original: string;
let expected: Uint8Array;
beforeAll(async () => {
  runtime = await openRuntime({ model: TINY_MODEL, device: 'cpu', threads: 1, cpuWorkers: 2 });
  original = await mkdtemp(join(tmpdir(), 'espalier-pipeline-'));
  const store = await FolderStore.open(original);
  await runJob(tinyJob(), { store, runtime });
  expected = await glbOf(store);
  return async () => {
    await runtime.close();
    await rm(original, { recursive: true });
  };
});

/** A bucket in which the tiny job was run once. */
async function finishedStore(): Promise<FolderStore> {
  const store = await temporaryStore();
  await cp(original, store.root, { recursive: true });
  return store;
}

describe('runJob', () => {
  it('makes a valid GLB, and stats that tell of it', async () => {
    const record = recorder();
    const store = await temporaryStore();
    const { stats, glbKey, statsKey } = await runJob(tinyJob(), { store, runtime, onProgress: record.onProgress });
    const glb = await glbOf(store);
    expect(glbKey).toBe('results/job/model.glb');
    expect(JSON.parse(Buffer.from((await store.get(statsKey))?.body ?? []).toString())).toEqual(stats);
    expect(stats).toMatchObject({
      seed_used: 42,
      glb_size_bytes: glb.byteLength,
      device: 'cpu',
      validator: { errors: 0, warnings: 0 },
      tokens: { truncated: false },
      model: { name: 'trellis-tiny', revision: runtime.model.revision },
      stages: {
        structure: { cached: false, steps: 8 },
        latent: { cached: false, steps: 8 },
        export: { cached: false },
      },
    });
    expect(stats.face_count).toBeLessThan(stats.raw_face_count * 0.06);
    expect(stats.peak_memory_bytes.inference).toBeGreaterThan(1e7);
    expect(record.computed()).toEqual(['condition', 'structure', 'latent', 'decode', 'surface', 'texture', 'export']);
    const json = JSON.parse(Buffer.from(glb.subarray(20, 20 + Buffer.from(glb).readUInt32LE(12))).toString());
    expect(json.asset.extras).toMatchObject({ seed: 42, model_revision: runtime.model.revision, texture_size: 128 });
    expect(JSON.stringify(json)).not.toContain('wooden'); // the prompt stands there as a digest only
  });

  it('does no work for the same job again, and starts no process', async () => {
    const store = await finishedStore();
    const idle = await tinyRuntime();
    const record = recorder();
    const again = await runJob(tinyJob({ id: 'again' }), { store, runtime: idle, onProgress: record.onProgress });
    expect(record.computed()).toEqual([]);
    expect(idle.inference.usage.starts).toBe(0);
    expect(idle.cpu.seconds).toBe(0);
    expect(Buffer.compare(await glbOf(store, 'again'), expected)).toBe(0);
    expect(again.stats).toMatchObject({
      tokens: { truncated: false },
      device: 'cpu',
      raw_face_count: expect.any(Number),
    });
    expect(Object.values(again.stats.stages).every((stage) => stage?.cached)).toBe(true);

    const texture = recorder();
    await runJob(tinyJob({ texture_size: 256 }), { store, runtime: idle, onProgress: texture.onProgress });
    expect(texture.computed()).toEqual(['texture', 'export']);
    const surface = recorder();
    await runJob(tinyJob({ simplify: 0.9 }), { store, runtime: idle, onProgress: surface.onProgress });
    expect(surface.computed()).toEqual(['surface', 'texture', 'export']);
    expect(idle.inference.usage.starts).toBe(0);
  });

  it('computes again what was cut, altered or swapped, says so, and ends in the same bytes', async () => {
    const store = await finishedStore();
    const { objects } = await store.list('checkpoints/');
    const bodies = await Promise.all(objects.map(async ({ key }) => (await store.get(key))?.body as Uint8Array));
    for (const [i, { key }] of objects.entries()) {
      const body = bodies[i] as Uint8Array;
      const altered = body.slice();
      altered[altered.length - 1] = (altered.at(-1) as number) ^ 255;
      const broken = [body.subarray(0, body.length / 2), altered, bodies[(i + 1) % bodies.length] as Uint8Array][i % 3];
      await store.put(key, broken as Uint8Array);
    }
    const record = recorder();
    await runJob(tinyJob(), { store, runtime, onProgress: record.onProgress });
    expect(record.computed()).toHaveLength(7);
    expect(record.notices()).toEqual(Array(7).fill('CHECKPOINT_UNUSABLE'));
    expect(Buffer.compare(await glbOf(store), expected)).toBe(0);
    const after = recorder();
    await runJob(tinyJob(), { store, runtime, onProgress: after.onProgress });
    expect(after.computed()).toEqual([]);
  });

  it('is cancelled between two steps, keeps what is done and goes on from there', async () => {
    const store = await temporaryStore();
    const controller = new AbortController();
    const first = recorder();
    const run = runJob(tinyJob(), {
      store,
      runtime,
      signal: controller.signal,
      onProgress: (event) => {
        first.onProgress(event);
        if (event.type === 'stage.step' && event.stage === 'latent' && event.step === 3) controller.abort();
      },
    });
    await expect(run).rejects.toBeInstanceOf(CancelledError);
    expect(await store.get('results/job/stats.json')).toBeUndefined();
    expect(first.computed()).toEqual(['condition', 'structure']);
    // Nothing was due by time: the save was made because of the cancellation.
    const second = recorder();
    await runJob(tinyJob(), { store, runtime, onProgress: second.onProgress });
    expect(second.resumed()).toEqual([{ stage: 'latent', step: expect.any(Number) }]);
    expect(second.resumed()[0]?.step).toBeGreaterThanOrEqual(3);
    expect(Buffer.compare(await glbOf(store), expected)).toBe(0);
  });

  it('goes on in a fresh process when the inference process dies', async () => {
    const store = await temporaryStore();
    const own = await tinyRuntime();
    const killed = new Set<number>();
    const record = recorder();
    const { stats } = await runJob(tinyJob({ steps: 30 }), {
      store,
      runtime: own,
      saveSeconds: 0,
      onProgress: (event) => {
        record.onProgress(event);
        const due = event.type === 'checkpoint.saved' && event.step !== undefined && event.step >= 2;
        const { pid } = own.inference;
        if (!due || pid === undefined || killed.has(pid) || killed.size === 2) return;
        killed.add(pid);
        process.kill(pid, 'SIGKILL');
      },
    });
    expect(killed.size).toBe(2);
    expect(own.inference.usage.starts).toBe(3);
    expect(record.notices()).toEqual(['INFERENCE_CRASHED', 'INFERENCE_CRASHED']);
    expect(record.resumed().every(({ step }) => step >= 2)).toBe(true);
    expect(stats.stages.structure?.steps).toBe(30);
    const calm = await temporaryStore();
    await runJob(tinyJob({ steps: 30 }), { store: calm, runtime });
    expect(Buffer.compare(await glbOf(store), await glbOf(calm))).toBe(0);
  });

  it('gives a process up that crashes again and again', async () => {
    const own = await tinyRuntime();
    const run = runJob(tinyJob(), {
      store: await temporaryStore(),
      runtime: own,
      crashRetries: 1,
      onProgress: (event) => {
        if (event.type === 'stage.step') process.kill(own.inference.pid as number, 'SIGKILL');
      },
    });
    await expect(run).rejects.toMatchObject({ name: 'RetryableError', code: 'INFERENCE_CRASHED' });
    expect(own.inference.usage.starts).toBe(2);
  });

  it('ends at its deadline', async () => {
    const store = await temporaryStore();
    let now = 1e12;
    const clock = { now: () => now };
    const submittedAt = now;
    now += 61_000;
    const run = runJob(tinyJob({ deadline_seconds: 60 }), { store, runtime, clock, submittedAt });
    await expect(run).rejects.toMatchObject({ name: 'CancelledError', code: 'DEADLINE_EXCEEDED' });
    expect((await store.list('checkpoints/')).objects).toEqual([]);
  });

  it('fails for now when the store is full, and goes on once it is not', async () => {
    const whole = await temporaryStore();
    let full = true;
    const store = withPut(whole, (key) => {
      if (!full || !key.includes('/latent/')) return;
      throw new RetryableError(`writing ${key} failed: the disk is full`, { code: 'STORE_FULL' });
    });
    const run = runJob(tinyJob(), { store, runtime, saveSeconds: 0 });
    await expect(run).rejects.toMatchObject({ name: 'RetryableError', code: 'STORE_FULL' });
    full = false;
    const record = recorder();
    await runJob(tinyJob(), { store, runtime, onProgress: record.onProgress });
    expect(record.computed()).toEqual(['latent', 'decode', 'surface', 'texture', 'export']);
    expect(Buffer.compare(await glbOf(whole), expected)).toBe(0);
  });

  it('writes the GLB before the stats, and no stats without it', async () => {
    const store = await finishedStore();
    const keys: string[] = [];
    let refuse = true;
    const watched = withPut(store, (key) => {
      keys.push(key);
      if (refuse && key.endsWith('.glb')) throw new RetryableError('denied', { code: 'STORE_DENIED' });
    });
    const run = runJob(tinyJob({ id: 'late' }), { store: watched, runtime });
    await expect(run).rejects.toMatchObject({ code: 'STORE_DENIED' });
    expect(keys).toEqual(['results/late/model.glb']);
    refuse = false;
    await runJob(tinyJob({ id: 'late' }), { store: watched, runtime });
    expect(keys.slice(1)).toEqual(['results/late/model.glb', 'results/late/stats.json']);
  });

  it('survives a listener that throws', async () => {
    const store = await finishedStore();
    const onProgress = () => {
      throw new Error('not my fault');
    };
    await expect(runJob(tinyJob(), { store, runtime, onProgress })).resolves.toBeDefined();
  });

  it('keeps the event loop turning', async () => {
    const store = await temporaryStore();
    const delay = monitorEventLoopDelay({ resolution: 5 });
    let turns = 0;
    const timer = setInterval(() => turns++, 20);
    delay.enable();
    const started = performance.now();
    await runJob(tinyJob({ seed: 7, steps: 20 }), { store, runtime });
    const waited = performance.now() - started;
    delay.disable();
    clearInterval(timer);
    // Were the networks or the geometry in this thread, most of these turns would be missing.
    expect(turns).toBeGreaterThan(waited / 20 / 4);
  });
});

describe('runJob on models that are not whole', () => {
  it("passes the loader's errors through", async () => {
    await expect(openRuntime({ model: '/nowhere' })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    const folder = await copyOfModel();
    const names = await readdir(join(folder, 'ckpts'));
    const flow = names.find((name) => name.startsWith('ss_flow') && name.endsWith('.safetensors')) as string;
    await truncate(join(folder, 'ckpts', flow), 1000);
    const broken = await tinyRuntime({ model: folder });
    const error = await runJob(tinyJob(), { store: await temporaryStore(), runtime: broken }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TerminalError);
    expect(error).toMatchObject({ code: 'SAFETENSORS_INVALID', message: expect.stringContaining(flow) });
    // The process is whole: only the model is not.
    expect(broken.inference.pid).toBeDefined();
  });

  it('says so when the model finds no shape', async () => {
    const folder = await copyOfModel();
    const names = await readdir(join(folder, 'ckpts'));
    const decoder = names.find((name) => name.startsWith('ss_dec') && name.endsWith('.safetensors')) as string;
    const path = join(folder, 'ckpts', decoder);
    const file = await SafetensorsFile.open(path);
    const bias = file.entries.get('out_layer.2.bias');
    await file.close();
    if (bias?.dtype !== 'F32') throw new Error(`out_layer.2.bias is ${bias?.dtype}`);
    const handle = await open(path, 'r+');
    await handle.write(new Uint8Array(Float32Array.of(-1e6).buffer), 0, 4, bias.offset);
    await handle.close();
    const empty = await tinyRuntime({ model: folder });
    const store = await temporaryStore();
    const run = runJob(tinyJob(), { store, runtime: empty, saveSeconds: 0 });
    await expect(run).rejects.toMatchObject({ name: 'TerminalError', code: 'STRUCTURE_EMPTY' });
    expect((await store.list('checkpoints/structure/')).objects).toEqual([]);
  });
});

async function copyOfModel(): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await cp(TINY_MODEL, folder, { recursive: true });
  return folder;
}

/** The store, with a say in every write. */
function withPut(store: ObjectStore, before: (key: string) => void): ObjectStore {
  return {
    location: store.location,
    get: (key, options) => store.get(key, options),
    head: (key) => store.head(key),
    delete: (key, options) => store.delete(key, options),
    list: (prefix, options) => store.list(prefix, options),
    put: async (key: string, body: Uint8Array, options?: PutOptions) => {
      before(key);
      return store.put(key, body, options);
    },
  };
}
