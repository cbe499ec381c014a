/** A notifier with a bucket, a queue and a receiver of its own, under a clock that tests move. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JobStatus, silentLogger } from '@espalier/contracts';
import { MemoryQueue } from '@espalier/queue';
import { FolderStore, jobKey, resultKey, statusKey } from '@espalier/storage';
import { vi } from 'vitest';
import { encodeNotify, Notifier, type NotifierOptions, Sender, Signer } from '../src/index.ts';
import { deliveriesIn } from './deliveries.ts';
import { type Receiver, startReceiver } from './receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OLD_SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
/** Goes by `Date`, which the rig fakes. */
export const clock = { now: () => Date.now() };

export class NotifierRig {
  readonly #folder: string;
  readonly #senders: Sender[] = [];
  readonly store: FolderStore;
  readonly receiver: Receiver;
  queue = new MemoryQueue({ clock, visibilitySeconds: 120, maxReceives: 20 });
  /** Handles what is pumped; replace it at will. */
  notifier: Notifier;

  static async start(): Promise<NotifierRig> {
    vi.useFakeTimers({ toFake: ['Date'] });
    const folder = await mkdtemp(join(tmpdir(), 'espalier-notify-'));
    return new NotifierRig(folder, await FolderStore.open(folder), await startReceiver(SECRET));
  }

  private constructor(folder: string, store: FolderStore, receiver: Receiver) {
    this.#folder = folder;
    this.store = store;
    this.receiver = receiver;
    this.notifier = this.makeNotifier();
  }

  async stop(): Promise<void> {
    vi.useRealTimers();
    for (const sender of this.#senders) await sender.close();
    await this.receiver.stop();
    await rm(this.#folder, { recursive: true });
  }

  /** One that may reach the receiver, and waits for its answer however busy the machine is. */
  makeSender(options: Partial<ConstructorParameters<typeof Sender>[0]> = {}): Sender {
    const sender = new Sender({ allow: ['127.0.0.0/8'], allowHttp: true, clock, ...options });
    this.#senders.push(sender);
    return sender;
  }

  makeNotifier(options: Partial<NotifierOptions> = {}): Notifier {
    return new Notifier({
      store: this.store,
      queue: this.queue,
      sender: options.sender ?? this.makeSender(),
      signer: new Signer([SECRET, OLD_SECRET]),
      logger: silentLogger,
      clock,
      random: () => 0,
      ...options,
    });
  }

  put(key: string, value: unknown) {
    return this.store.put(key, new TextEncoder().encode(JSON.stringify(value)));
  }

  /** A job at its end, as a worker leaves it in the bucket, announced. */
  async ended(state: JobStatus['state'], job: Record<string, unknown> = {}, id = 'chair'): Promise<JobStatus> {
    await this.put(jobKey(id), {
      prompt: 'a chair',
      webhook: `${this.receiver.url}/hook`,
      tags: { order: '7' },
      ...job,
    });
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
    await this.put(statusKey(id), status);
    await this.queue.send(encodeNotify({ job: id }));
    return status;
  }

  /** Handles what is visible now, like several notifiers would. @returns how many messages there were */
  async pump(): Promise<number> {
    const messages = await this.queue.receive({ max: 10, waitSeconds: 0 });
    await Promise.all(messages.map((message) => this.notifier.handle(message)));
    return messages.length;
  }

  pass(seconds: number): void {
    vi.setSystemTime(Date.now() + seconds * 1000);
  }

  /** Lets time pass in steps that no delay of a queue is longer than. */
  async passPumping(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= 300) {
      this.pass(Math.min(left, 300));
      await this.pump();
    }
  }

  deliveries() {
    return deliveriesIn(this.store);
  }
}
