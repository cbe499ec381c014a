/** A job that has left the accelerator, and the one that takes its place there, in one generate lane. */
import type { Job } from '@espalier/contracts';
import { describe, expect, it, vi } from 'vitest';
import type { RunOptions } from '../src/index.ts';
import { gate, statusOf, untilAborted } from './helpers.ts';
import { queues, reaches, serve, stopServing, store } from './lane-helpers.ts';

const ids = ['a', 'b', 'c'] as const;

/** Jobs whose networks and whose extraction end when the test says so. */
function scripted() {
  const order: string[] = [];
  const gates = Object.fromEntries(ids.map((id) => [id, { networks: gate(), extraction: gate() }]));
  const run = async ({ id }: Job, { signal, onEvent, finishHere }: RunOptions) => {
    const [networks, extraction] = [gates[id]?.networks, gates[id]?.extraction];
    order.push(`${id} begins`);
    await Promise.race([networks?.opened, untilAborted(signal)]);
    onEvent({ type: 'device.freed', job: id });
    order.push(`${id} extracts`);
    await Promise.race([extraction?.opened, untilAborted(signal)]);
    order.push(`${id} has its mesh`);
    return finishHere?.() === true ? undefined : { handOver: 'finish' };
  };
  return { order, run, gates: gates as Record<(typeof ids)[number], { networks: Gate; extraction: Gate }> };
}
type Gate = ReturnType<typeof gate>;

const submit = (id: string) => queues.generate.send(JSON.stringify({ id, prompt: id }));

describe('a generate lane', () => {
  it('takes the next message when its job has left the accelerator, one more and no earlier', async () => {
    const { order, run, gates } = scripted();
    const receive = vi.spyOn(queues.generate, 'receive');
    const received = () => receive.mock.calls.map(([{ max }]) => max);
    for (const id of ids) await submit(id);
    const { worker } = serve('generate', run);
    await expect.poll(() => order).toEqual(['a begins']);
    expect({ active: worker.active, received: received() }).toEqual({ active: 1, received: [1] });
    gates.a.networks.open();
    await expect.poll(() => order).toEqual(['a begins', 'a extracts', 'b begins']);
    expect({ active: worker.active, received: received() }).toEqual({ active: 2, received: [1, 1] });
    // Two meshes are never waited for: this one keeps its place.
    gates.b.networks.open();
    await expect.poll(() => order.at(-1)).toBe('b extracts');
    expect({ active: worker.active, received: received() }).toEqual({ active: 2, received: [1, 1] });
    expect(await queues.generate.depth(), 'for any worker to take').toBe(1);
    gates.a.extraction.open();
    await expect.poll(() => order.slice(4)).toEqual(['a has its mesh', 'c begins']);
    expect(worker.active).toBe(2);
    for (const { networks, extraction } of Object.values(gates)) for (const each of [networks, extraction]) each.open();
    await expect.poll(() => worker.active).toBe(0);
    expect(await queues.finish.depth()).toBe(3);
  });

  it('gives a place up once, when a job is over before there is one for it beside the accelerator', async () => {
    const { order, run, gates } = scripted();
    for (const id of ids) await submit(id);
    const { worker } = serve('generate', run);
    gates.a.networks.open();
    gates.b.networks.open();
    await expect.poll(() => order.at(-1)).toBe('b extracts');
    gates.b.extraction.open();
    await expect.poll(() => order.at(-1)).toBe('c begins');
    gates.a.extraction.open();
    await expect.poll(() => worker.active).toBe(1);
    gates.c.networks.open();
    await expect.poll(() => order.at(-1)).toBe('c extracts');
    gates.c.extraction.open();
    await expect.poll(() => worker.active).toBe(0);
  });

  it('goes on with an extracted job in the finish lane of its process', async () => {
    const { order, run, gates } = scripted();
    const finishing = gate();
    const finishLane = serve('finish');
    const both = async (job: Job, options: RunOptions) => {
      const over = await run(job, options);
      if (over === undefined) await finishing.opened;
      return over;
    };
    const { worker } = serve('generate', both, { finishLane: finishLane.worker });
    await submit('a');
    await submit('b');
    gates.a.networks.open();
    await expect.poll(() => order.at(-1)).toBe('b begins');
    gates.a.extraction.open();
    await expect.poll(() => finishLane.worker.active).toBe(1);
    expect(worker.active).toBe(1);
    finishing.open();
    await reaches('a', 'succeeded');
    gates.b.networks.open();
    gates.b.extraction.open();
    await reaches('b', 'succeeded');
  });

  it('hands both back when it is told to go', async () => {
    const { order, run, gates } = scripted();
    serve('generate', run);
    await submit('a');
    await submit('b');
    gates.a.networks.open();
    await expect.poll(() => order.at(-1)).toBe('b begins');
    await stopServing();
    for (const id of ['a', 'b']) {
      const { state, events, crashes } = await statusOf(store, id);
      expect({ id, state, crashes, note: events.at(-1)?.note }).toEqual({
        id,
        state: 'queued',
        crashes: 0,
        note: 'handed back',
      });
    }
    expect(await queues.generate.depth()).toBe(2);
  });
});
