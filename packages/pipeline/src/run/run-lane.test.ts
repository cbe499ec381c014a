import { type JobStats, STAGES } from '@espalier/contracts';
import { describe, expect, it, vi } from 'vitest';
import { glbOf, recorder, tinyRuntime } from '../../test/jobs.ts';
import { temporaryStore } from '../../test/temporary.ts';
import { tinyJob } from '../../test/tiny-job.ts';
import { runJob, runLane } from '../index.ts';

describe('lanes', () => {
  it('share a job between them, to the same bytes as one run', async () => {
    const runtime = await tinyRuntime();
    const [whole, shared] = [await temporaryStore(), await temporaryStore()];
    await runJob(tinyJob(), { store: whole, runtime });
    const [generating, finishing] = [recorder(), recorder()];
    const job = tinyJob();
    expect(await runLane('finish', job, { store: shared, runtime }), 'nothing is there to finish').toEqual({
      handOver: 'generate',
    });
    const deps = { store: shared, runtime };
    expect(await runLane('generate', job, { ...deps, onProgress: generating.onProgress })).toEqual({
      handOver: 'finish',
    });
    expect(generating.computed()).toEqual(['condition', 'structure', 'latent', 'decode']);
    expect(await runLane('generate', job, deps), 'again: the networks have nothing to do').toEqual({
      handOver: 'finish',
    });
    const done = await runLane('finish', job, { ...deps, onProgress: finishing.onProgress });
    expect(finishing.computed()).toEqual(['surface', 'texture', 'export']);
    expect(await glbOf(shared)).toEqual(await glbOf(whole));
    expect((done as { stats: JobStats }).stats.seed_used).toBe(42);
    // Whoever asks for it again is served by either lane.
    for (const lane of ['generate', 'finish'] as const) {
      const again = await runLane(lane, tinyJob({ id: `again-${lane}` }), deps);
      expect(again).toHaveProperty('glbKey');
      expect(await glbOf(shared, `again-${lane}`)).toEqual(await glbOf(whole));
    }
    // Another finish of the same latents never sees an accelerator.
    const smaller = tinyJob({ id: 'smaller', texture_size: 256 });
    const refinishing = recorder();
    expect(await runLane('generate', smaller, deps)).toEqual({ handOver: 'finish' });
    await runLane('finish', smaller, { ...deps, onProgress: refinishing.onProgress });
    expect(refinishing.computed()).not.toContain('decode');
    expect(await glbOf(shared, 'smaller')).not.toEqual(await glbOf(whole));
  });

  it('look for nothing that depends on a seed drawn a moment ago, nor for a prompt that may be new', async () => {
    const runtime = await tinyRuntime();
    const store = await temporaryStore();
    const get = vi.spyOn(store, 'get');
    const looks = () =>
      get.mock.calls.flatMap(([key]) => STAGES.filter((stage) => key.startsWith(`checkpoints/${stage}/`)));
    const drawn = { store, runtime, seedDrawn: true };
    expect(await runLane('generate', tinyJob(), drawn)).toEqual({ handOver: 'finish' });
    expect(looks()).toEqual([]);
    const second = recorder();
    await runLane('generate', tinyJob({ id: 'second', seed: 7 }), { ...drawn, onProgress: second.onProgress });
    expect(second.computed(), 'it is known to be there').toEqual(['structure', 'latent', 'decode']);
    expect(looks()).toEqual(['condition']);
    // Somebody else wrote it: whoever learns that by writing goes on from what is there.
    runtime.conditions.clear();
    const [key = ''] = get.mock.calls.flat().filter((name) => String(name).startsWith('checkpoints/condition/'));
    const before = await store.head(String(key));
    const third = recorder();
    await runLane('generate', tinyJob({ id: 'third', seed: 8 }), { ...drawn, onProgress: third.onProgress });
    expect(third.computed()).toEqual(['condition', 'structure', 'latent', 'decode']);
    expect(looks()).toEqual(['condition', 'condition']);
    expect(await store.head(String(key))).toEqual(before);
  });

  it('finish in the same run what there is room for, reading nothing back', async () => {
    const runtime = await tinyRuntime();
    const [whole, shared] = [await temporaryStore(), await temporaryStore()];
    await runJob(tinyJob(), { store: whole, runtime });
    const get = vi.spyOn(shared, 'get');
    const told = recorder();
    const askedAfter: string[][] = [];
    const finishHere = () => {
      askedAfter.push(told.computed());
      return true;
    };
    const deps = { store: shared, runtime, seedDrawn: true, finishHere, onProgress: told.onProgress };
    runtime.conditions.clear();
    const done = await runLane('generate', tinyJob(), deps);
    expect(askedAfter).toEqual([['condition', 'structure', 'latent', 'decode']]);
    expect(told.computed()).toEqual([...STAGES]);
    expect(get).not.toHaveBeenCalled();
    expect(await glbOf(shared)).toEqual(await glbOf(whole));
    const { stages, generation_time_seconds } = (done as { stats: JobStats }).stats;
    expect(Object.values(stages).map(({ cached }) => cached)).toEqual(STAGES.map(() => false));
    expect(generation_time_seconds).toBeGreaterThanOrEqual(
      Object.values(stages).reduce((sum, s) => sum + s.seconds, 0),
    );
    // What only needs another finish holds no accelerator: it is asked at once.
    const smaller = recorder();
    const again = { store: shared, runtime, finishHere: () => true, onProgress: smaller.onProgress };
    expect(await runLane('generate', tinyJob({ id: 'smaller', texture_size: 256 }), again)).toHaveProperty('glbKey');
    expect(smaller.computed()).toEqual(['texture', 'export']);
  });
});
