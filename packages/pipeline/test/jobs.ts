import type { PipelineEvent } from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';
import { onTestFinished } from 'vitest';
import { openRuntime, type PipelineRuntime, type RuntimeOptions } from '../src/index.ts';
import { TINY_MODEL } from './tiny-job.ts';

export async function tinyRuntime(options: Partial<RuntimeOptions> = {}): Promise<PipelineRuntime> {
  const runtime = await openRuntime({ model: TINY_MODEL, device: 'cpu', threads: 1, ...options });
  onTestFinished(() => runtime.close());
  return runtime;
}

/** Collects what a run tells. */
export function recorder() {
  const events: PipelineEvent[] = [];
  return {
    events,
    onProgress: (event: PipelineEvent) => void events.push(event),
    /** Stages that were computed, in order. */
    computed: () => events.flatMap((event) => (event.type === 'stage.finished' && !event.cached ? [event.stage] : [])),
    notices: () => events.flatMap((event) => (event.type === 'job.notice' ? [event.code] : [])),
    resumed: () =>
      events.flatMap((event) =>
        event.type === 'stage.started' && event.resumedFromStep !== undefined
          ? [{ stage: event.stage, step: event.resumedFromStep }]
          : [],
      ),
  };
}

export async function glbOf(store: ObjectStore, id = 'job'): Promise<Uint8Array> {
  const object = await store.get(`results/${id}/model.glb`);
  if (object === undefined) throw new Error(`no results/${id}/model.glb`);
  return object.body;
}
