import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JobStatus, silentLogger } from '@espalier/contracts';
import { MemoryQueue } from '@espalier/queue';
import { FolderStore, jobKey, resultKey, statusKey } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  DeliveryLog,
  encodeNotify,
  Notifier,
  RETRY_DELAYS,
  replayDeliveries,
  Sender,
  Signer,
  sweepDeliveries,
} from '../src/index.ts';
import { type Receiver, startReceiver } from './receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OLD_SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const clock = { now: () => Date.now() };
const LOCAL = { allow: ['127.0.0.0/8'], allowHttp: true, clock };

let folder: string;
let store: FolderStore;
let queue: MemoryQueue;
let receiver: Receiver;
/** Waits for receivers that answer, however busy the machine is. */
let sender: Sender;
/** For receivers that never do. */
let impatient: Sender;
let notifier: Notifier;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  folder = await mkdtemp(join(tmpdir(), 'espalier-notify-'));
  store = await FolderStore.open(folder);
  queue = new MemoryQueue({ clock, visibilitySeconds: 120, maxReceives: 20 });
  receiver = await startReceiver(SECRET);
  sender = new Sender(LOCAL);
  impatient = new Sender({ ...LOCAL, timeout: 300 });
  notifier = makeNotifier();
});
afterEach(async () => {
  vi.useRealTimers();
  await sender.close();
  await impatient.close();
  await receiver.stop();
  await rm(folder, { recursive: true });
});

const makeNotifier = (by = sender) =>
  new Notifier({
    store,
    queue,
    sender: by,
    signer: new Signer([SECRET, OLD_SECRET]),
    logger: silentLogger,
    clock,
    random: () => 0,
  });
const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
const put = (key: string, value: unknown) => store.put(key, new TextEncoder().encode(JSON.stringify(value)));

/** A job at its end, as a worker leaves it in the bucket. */
async function ended(state: JobStatus['state'], job: Record<string, unknown> = {}, id = 'chair') {
  await put(jobKey(id), { prompt: 'a chair', webhook: `${receiver.url}/hook`, tags: { order: '7' }, ...job });
  const now = new Date().toISOString();
  const status: JobStatus = {
    id,
    state,
    source: jobKey(id),
    job_etag: 'e1',
    attempt: 1,
    crashes: 0,
    seed: 5,
    submitted_at: now,
    updated_at: now,
    finished_at: now,
    events: [],
    ...(state === 'succeeded' && { results: { 'model.glb': resultKey(id, 'model.glb') } }),
    ...(state === 'failed' && { error: { code: 'OUT_OF_MEMORY', message: 'GPU out of memory.' } }),
  };
  await put(statusKey(id), status);
  await queue.send(encodeNotify({ job: id }));
  return status;
}

/** Handles what is visible now, like several notifiers would. @returns how many messages there were */
async function pump(): Promise<number> {
  const messages = await queue.receive({ max: 10, waitSeconds: 0 });
  await Promise.all(messages.map((message) => notifier.handle(message)));
  return messages.length;
}

/** Lets time pass in steps that no delay of a queue is longer than. */
async function passPumping(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 300) {
    pass(Math.min(left, 300));
    await pump();
  }
}

async function deliveries() {
  const found = [];
  for await (const { delivery } of new DeliveryLog(store).all()) found.push(delivery);
  return found;
}

describe('the end of a job', () => {
  it.each([
    ['succeeded', 'job.completed'],
    ['failed', 'job.failed'],
    ['cancelled', 'job.cancelled'],
  ] as const)('%s is told as %s, signed', async (state, type) => {
    const status = await ended(state);
    await pump();
    const [told] = receiver.received;
    expect(told?.path).toBe('/hook');
    expect(told?.verified).toMatchObject({
      type,
      timestamp: status.finished_at,
      data: { id: 'chair', state, seed: 5, tags: { order: '7' } },
    });
    expect(told?.headers['content-type']).toBe('application/json');
    expect(told?.headers['webhook-signature']?.toString().split(' ')).toHaveLength(2);
    expect(told?.headers['webhook-id']).toMatch(/^msg_[0-9a-f]{32}$/);
    const data = told?.verified !== false ? told?.verified.data : undefined;
    if (state === 'succeeded')
      expect(data?.links).toEqual({ 'model.glb': `${store.location}/results/chair/model.glb` });
    if (state === 'failed') expect(data?.error).toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect(await deliveries()).toMatchObject([{ state: 'delivered', tries: [{ status: 204 }] }]);
    expect(queue.deadLetters).toEqual([]);
  });

  it('is told of a rejected job too, whatever else is wrong with it', async () => {
    await ended('rejected', { prompt: 7, colour: 'red' });
    await pump();
    expect(receiver.received[0]?.verified).toMatchObject({ type: 'job.rejected' });
  });

  it('is told to nobody when nobody is named', async () => {
    await ended('succeeded', { webhook: undefined });
    await ended('rejected', { webhook: 'not a URL' }, 'other');
    await put(jobKey('third'), {});
    await queue.send(encodeNotify({ job: 'third' }));
    await queue.send(encodeNotify({ job: 'not-there' }));
    expect(await pump()).toBe(4);
    expect(receiver.received).toEqual([]);
    expect(await pump(), 'and the messages are gone').toBe(0);
    pass(200);
    expect(await pump()).toBe(0);
  });

  it('is not told while the job runs again', async () => {
    await ended('succeeded');
    await put(statusKey('chair'), { ...JSON.parse(await text(statusKey('chair'))), state: 'running' });
    await pump();
    expect(receiver.received).toEqual([]);
  });

  it('stays under 20 kB', async () => {
    const tags = Object.fromEntries(Array.from({ length: 16 }, (_unused, i) => [`tag${i}`, 'x'.repeat(200)]));
    const status = await ended('failed', { tags });
    await put(statusKey('chair'), {
      ...status,
      error: { code: 'X', message: 'm'.repeat(100_000), remedy: 'r'.repeat(50_000) },
    });
    await pump();
    expect(receiver.received[0]?.body.length).toBeLessThan(20_000);
    expect(receiver.received[0]?.verified).toMatchObject({ type: 'job.failed', data: { id: 'chair' } });
  });
});

describe('announced five times at once', () => {
  it('is told once', async () => {
    await ended('succeeded');
    for (let copy = 0; copy < 4; copy += 1) await queue.send(encodeNotify({ job: 'chair' }));
    await pump();
    await passPumping(4 * 3600);
    expect(receiver.received).toHaveLength(1);
    expect(await pump()).toBe(0);
  });
});

describe('a receiver that fails', () => {
  it('is tried ten times over three days, under one id, then no more', async () => {
    receiver.answer = () => ({ status: 500 });
    await ended('succeeded');
    await pump();
    const began = Date.now();
    const at: number[] = [0];
    for (let hour = 0; hour < 90 * 12; hour += 1) {
      const before = receiver.received.length;
      await passPumping(300);
      if (receiver.received.length > before) at.push((Date.now() - began) / 1000);
    }
    expect(receiver.received).toHaveLength(10);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(10);
    expect(
      receiver.received.every(({ verified }) => verified !== false),
      'each signed anew',
    ).toBe(true);
    // Never early, and late by no more than this test's own step of five minutes a try.
    let due = 0;
    for (const [index, delay] of RETRY_DELAYS.entries()) {
      due += delay;
      expect(at[index + 1]).toBeGreaterThanOrEqual(due);
      expect(at[index + 1]).toBeLessThanOrEqual(due + (index + 1) * 600);
    }
    expect(await deliveries()).toMatchObject([{ state: 'exhausted', failures: 10 }]);
    expect(queue.deadLetters, 'waiting costs no receives').toEqual([]);
  });

  it('gets the time that it asks for', async () => {
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': '7200' } });
    await ended('succeeded');
    await pump();
    await passPumping(7000);
    expect(receiver.received).toHaveLength(1);
    await passPumping(1200);
    expect(receiver.received).toHaveLength(2);
  });

  it('is left alone after 410', async () => {
    receiver.answer = () => ({ status: 410 });
    await ended('succeeded');
    await pump();
    await passPumping(3 * 3600);
    expect(receiver.received).toHaveLength(1);
    expect(await deliveries()).toMatchObject([{ state: 'gone' }]);
  });

  it.each([
    ['hangs', () => 'hang' as const],
    ['redirects', () => ({ status: 302, headers: { location: '/elsewhere' } })],
  ])('is tried again when it %s', async (_name, answer) => {
    receiver.answer = answer;
    await ended('succeeded');
    notifier = makeNotifier(impatient);
    await pump();
    notifier = makeNotifier();
    receiver.answer = () => ({ status: 200 });
    await passPumping(600);
    expect(
      receiver.received.map(({ path }) => path),
      'no redirect is followed',
    ).toEqual(['/hook', '/hook']);
    expect(await deliveries()).toMatchObject([{ state: 'delivered', failures: 1, tries: [{}, { status: 200 }] }]);
  });
});

describe('a notifier that dies', () => {
  it('in the middle of a try leaves the delivery to another', async () => {
    receiver.answer = () => 'hang';
    await ended('succeeded');
    const [message] = await queue.receive({ max: 1, waitSeconds: 0 });
    if (message === undefined) throw new Error('no message');
    let died = () => {};
    const death = new Promise<void>((resolve) => {
      died = resolve;
    });
    // Everything it would do after the try is lost.
    const dying = new Proxy(store, {
      get: (target, name) =>
        name === 'put' && receiver.received.length > 0
          ? () => {
              died();
              return new Promise(() => {});
            }
          : (Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)),
    });
    const signer = new Signer([SECRET]);
    const options = { store: dying, queue, sender: impatient, signer, logger: silentLogger, clock };
    void new Notifier(options).handle(message);
    await death;
    receiver.answer = () => ({ status: 200 });
    await passPumping(600);
    expect(receiver.received).toHaveLength(2);
    expect(await deliveries()).toMatchObject([{ state: 'delivered' }]);
  });

  it('between writing the try down and sending the next message loses nothing', async () => {
    receiver.answer = () => ({ status: 500 });
    await ended('succeeded');
    const [message] = await queue.receive({ max: 1, waitSeconds: 0 });
    if (message === undefined) throw new Error('no message');
    const deaf = new MemoryQueue({ clock });
    const options = { store, queue: deaf, sender, signer: new Signer([SECRET]), logger: silentLogger, clock };
    await new Notifier(options).handle({ ...message, delete: async () => {} });
    receiver.answer = () => ({ status: 200 });
    await passPumping(900);
    expect(receiver.received).toHaveLength(2);
  });

  it('and a queue that loses its messages are made up for by the sweep', async () => {
    receiver.answer = () => ({ status: 500 });
    await ended('succeeded');
    await pump();
    queue = new MemoryQueue({ clock });
    notifier = makeNotifier();
    receiver.answer = () => ({ status: 200 });
    expect(await sweepDeliveries({ store, queue, clock })).toBe(0);
    await passPumping(2 * 3600);
    expect(receiver.received).toHaveLength(1);
    expect(await sweepDeliveries({ store, queue, clock })).toBe(1);
    await pump();
    expect(receiver.received).toHaveLength(2);
  });
});

describe('what must not be reached', () => {
  it.each([
    ['http', { webhook: 'http://example.com/' }, { allowHttp: false, allow: [] }],
    ['loopback', {}, { allowHttp: true, allow: [] }],
    [
      'the metadata service',
      { webhook: 'http://169.254.169.254/latest/' },
      { allowHttp: true, allow: ['127.0.0.0/8'] },
    ],
    ['a name with one private address', { webhook: 'http://two.example/' }, { allowHttp: true, allow: [] }],
    ['a password', { webhook: 'http://me:secret@127.0.0.1/' }, { allowHttp: true, allow: ['127.0.0.0/8'] }],
  ])('%s is refused, and not tried again', async (_name, job, rules) => {
    await sender.close();
    const resolve = async () => [
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.7', family: 4 },
    ];
    sender = new Sender({ ...rules, clock, resolve });
    notifier = makeNotifier();
    await ended('succeeded', job);
    await pump();
    await passPumping(3600);
    expect(receiver.received).toEqual([]);
    expect(await deliveries()).toMatchObject([
      { state: 'refused', tries: [{ error: expect.stringMatching(/webhook/) }] },
    ]);
  });

  it('a name is connected to at the address that was checked', async () => {
    await sender.close();
    const asked: string[] = [];
    const resolve = async (name: string) => {
      asked.push(name);
      return [{ address: '127.0.0.1', family: 4 }];
    };
    sender = new Sender({ allowHttp: true, allow: ['127.0.0.1/32'], clock, resolve });
    notifier = makeNotifier();
    await ended('succeeded', { webhook: `http://hooks.example:${new URL(receiver.url).port}/hook` });
    await pump();
    expect(receiver.received[0]?.headers.host).toMatch(/^hooks\.example:/);
    expect(asked).toEqual(['hooks.example']);
  });
});

describe('replay', () => {
  it('tells again what was given up, under the same id, on the whole schedule', async () => {
    receiver.answer = () => ({ status: 410 });
    await ended('succeeded');
    await ended('failed', {}, 'table');
    await pump();
    receiver.answer = () => ({ status: 500 });
    const replayed = await replayDeliveries({ store, queue, clock }, { job: 'chair' });
    expect(replayed).toMatchObject([{ job: 'chair', state: 'pending', replays: 1 }]);
    await pump();
    receiver.answer = () => ({ status: 200 });
    await passPumping(600);
    const ids = receiver.received
      .filter(({ body }) => body.includes('"chair"'))
      .map(({ headers }) => headers['webhook-id']);
    expect([ids.length, new Set(ids).size]).toEqual([3, 1]);
    expect(await replayDeliveries({ store, queue, clock }, { job: 'chair' })).toEqual([]);
    expect(await replayDeliveries({ store, queue, clock }, { states: ['delivered'] })).toHaveLength(1);
  });
});

it('buries what is no notification', async () => {
  await queue.send('nonsense');
  await queue.send('{"prompt":"a chair"}');
  await pump();
  expect(queue.deadLetters.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/not JSON/),
    expect.stringMatching(/takes no job/),
  ]);
});

it('waits and comes back when the bucket is away', async () => {
  await ended('succeeded');
  const away = new Proxy(store, {
    get: (target, name) =>
      name === 'get' ? () => Promise.reject(new Error('away')) : Reflect.get(target, name).bind?.(target),
  });
  const healthy = notifier;
  notifier = new Notifier({ store: away, queue, sender, signer: new Signer([SECRET]), logger: silentLogger, clock });
  await pump();
  notifier = healthy;
  await passPumping(600);
  expect(receiver.received).toHaveLength(1);
});

async function text(key: string): Promise<string> {
  return new TextDecoder().decode((await store.get(key))?.body);
}
