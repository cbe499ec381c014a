/**
 * Machines that hold different revisions of a model, as while a new one is rolled out: real lanes over real
 * checkpoints, with light stages. A job that is generated is finished, whoever looks at it.
 */
import type { WorkLane } from '@espalier/contracts';
import { type PipelineRuntime, runLane } from '@espalier/pipeline';
import { expect, it } from 'vitest';
import { LIGHT_RUNTIME, lightGraph } from './chaos/light-graph.ts';
import { statusOf } from './helpers.ts';
import { queues, reaches, serve, store } from './lane-helpers.ts';

const graph = lightGraph({ steps: 4, stepMs: 1, saveEvery: 2 });
const runtimeOf = (revision: string): PipelineRuntime => ({
  ...LIGHT_RUNTIME,
  model: { ...LIGHT_RUNTIME.model, revision },
  conditions: new Map() as unknown as PipelineRuntime['conditions'],
});

/** A worker of one lane that holds one revision. @returns what it ran, in order */
function machine(lane: WorkLane, revision: string, runs: string[]): void {
  const runtime = runtimeOf(revision);
  serve(lane, undefined, {
    runner: {
      run: async (job, options) => {
        runs.push(`${lane} ${revision}`);
        if (runs.length > 12) throw new Error(`it goes round: ${runs.join(', ')}`);
        const { signal, onEvent, logger, earlier, justHandedOver, seedDrawn, finishHere } = options;
        const result = await runLane(lane, job, {
          store,
          runtime,
          graph,
          signal,
          ...(onEvent !== undefined && { onProgress: onEvent }),
          ...(logger !== undefined && { logger }),
          ...(earlier !== undefined && { earlier }),
          ...(justHandedOver !== undefined && { justHandedOver }),
          ...(seedDrawn !== undefined && { seedDrawn }),
          ...(finishHere !== undefined && { finishHere }),
        });
        return 'handOver' in result ? result : result.stats;
      },
    },
  });
}

const submit = (id: string) => queues.generate.send(JSON.stringify({ id, prompt: 'a chair', seed: 7 }));
const notes = async (id: string) => (await statusOf(store, id)).events.map(({ state, note }) => note ?? state);

it('a finishing machine of another revision finishes what is there', async () => {
  const runs: string[] = [];
  machine('generate', 'a', runs);
  machine('finish', 'b', runs);
  await submit('chair');
  await expect
    .poll(async () => (await statusOf(store, 'chair').catch(() => undefined))?.state ?? '')
    .toMatch(/succeeded|failed/);
  expect(await notes('chair'), runs.join(', ')).toContain('succeeded');
  // Computed once: nobody began again under the other revision.
  expect(runs.filter((run) => run.startsWith('generate')).length, runs.join(', ')).toBeLessThanOrEqual(2);
});

it('generating machines of both revisions on one queue end every job', async () => {
  const runs: string[] = [];
  machine('generate', 'a', runs);
  machine('generate', 'b', runs);
  machine('finish', 'a', []);
  machine('finish', 'b', []);
  for (let i = 0; i < 3; i += 1) await submit(`chair-${i}`);
  for (let i = 0; i < 3; i += 1) await reaches(`chair-${i}`, 'succeeded');
}, 60_000);
