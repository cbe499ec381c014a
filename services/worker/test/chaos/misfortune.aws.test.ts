/** Networks, servers, clocks and messages that misbehave: the same outcome. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeJobTurn, openSqsQueue } from '@espalier/queue';
import { afterEach, describe, expect, it } from 'vitest';
import { type Fault, type FaultyProxy, s3Fault, sqsFault, startFaultyProxy } from '../../../../.ci/aws/faulty-proxy.ts';
import { client, ended, endpoint, expectWhole, fleet, options, seeded, submit, tell } from './place.ts';

describe('behind a network and servers that misbehave', () => {
  let proxy: FaultyProxy;
  afterEach(() => proxy.stop());

  it('20 jobs end as they would have undisturbed', async () => {
    const seed = Number(process.env.CHAOS_SEED ?? randomInt(2 ** 31));
    tell(`fault seed ${seed}`);
    const next = seeded(seed);
    proxy = await startFaultyProxy(endpoint);
    const counts: Record<string, number> = {};
    const ids = await submit(20);
    const target = (url: string) => url.replace(endpoint, proxy.endpoint);
    const through = {
      endpoint: proxy.endpoint,
      generate: target(options.generate),
      finish: target(options.finish),
      attempts: 4,
      idleTimeout: 4000,
    };
    fleet.start(through);
    fleet.start(through);
    await Promise.all(fleet.workers.map(({ ready }) => ready));
    proxy.decide = (request) => {
      const roll = next();
      if (roll > 0.12) return undefined;
      const fault = faultFor(roll / 0.12, request.headers['x-amz-target'] !== undefined, request.method);
      counts[nameOf(fault)] = (counts[nameOf(fault)] ?? 0) + 1;
      return fault;
    };
    await expect.poll(ended, { timeout: 200_000, interval: 1000 }).toBe(ids.length);
    proxy.decide = () => undefined;
    await fleet.end('SIGTERM');
    tell(`faults: ${JSON.stringify(counts)}`);
    expect(Object.keys(counts).length).toBeGreaterThanOrEqual(6);
    await expectWhole(ids);
  }, 300_000);
});

function faultFor(roll: number, sqs: boolean, method: string): Fault {
  const error = sqs ? sqsFault : s3Fault;
  const faults: Fault[] = [
    error(500, 'InternalError'),
    error(503, 'SlowDown'),
    { kind: 'drop-before' },
    { kind: 'drop-after' },
    { kind: 'twice' },
    { kind: 'hang' },
    ...(!sqs && method === 'PUT' ? [s3Fault(409, 'ConditionalRequestConflict')] : []),
    ...(!sqs && method === 'GET' ? [{ kind: 'truncate' } as const] : []),
  ];
  return faults[Math.floor(roll * faults.length)] ?? { kind: 'drop-before' };
}

function nameOf(fault: Fault): string {
  return fault.kind === 'answer' ? String(fault.status) : fault.kind;
}

describe('a machine whose clock is wrong', () => {
  it.each([
    ['an hour ahead', 3_600_000],
    ['an hour behind', -3_600_000],
  ])(
    'by %s works with others',
    async (_name, clockOffMs) => {
      const ids = await submit(12);
      fleet.start();
      fleet.start({ clockOffMs });
      await expect.poll(ended, { timeout: 100_000, interval: 500 }).toBe(ids.length);
      await fleet.end('SIGTERM');
      await expectWhole(ids);
    },
    150_000,
  );
});

describe('messages that come late, twice and out of order', () => {
  it('change nothing', async () => {
    const ids = await submit(10);
    const queue = await openSqsQueue(options.generate, { endpoint, client });
    for (let copy = 0; copy < 5; copy += 1) {
      for (const id of [...ids].reverse()) await queue.send(encodeJobTurn({ job: id }), { delaySeconds: copy });
    }
    // Nobody is to lose a job for being held up: what is done twice is counted.
    fleet.start({ leaseSeconds: 60 });
    fleet.start({ leaseSeconds: 60 });
    await expect.poll(ended, { timeout: 100_000, interval: 500 }).toBe(ids.length);
    await sleep(3000);
    await fleet.end('SIGTERM');
    await expectWhole(ids);
    expect(repeated(), 'each step once').toBe(0);
  }, 150_000);
});

/** Steps that were computed more often than once, over all processes. */
function repeated(): number {
  const seen = new Map<string, number>();
  for (const { job, stage, step } of fleet.steps()) {
    const key = `${job} ${stage} ${step}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  return [...seen.values()].reduce((sum, count) => sum + count - 1, 0);
}
