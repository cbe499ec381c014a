/**
 * A queue within one process, with the leases, counts and delays of a real one. It keeps nothing over a restart
 * and need not: what matters stands in the bucket, and a sweep announces it again.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, LostClaimError, systemClock } from '@espalier/contracts';
import { delayOf } from './delay.ts';
import type { JobQueue, QueueMessage, SendOptions } from './job-queue.ts';

export interface MemoryQueueOptions {
  /** For people and logs. @defaultValue 'memory' */
  readonly name?: string;
  /** Seconds a received message stays hidden unless extended. @defaultValue 30 */
  readonly visibilitySeconds?: number;
  /** A message received this often without being deleted goes to the dead letters. @defaultValue 10 */
  readonly maxReceives?: number;
  /** @defaultValue the system's */
  readonly clock?: Clock;
  /** Calls `wake` after `milliseconds`; gives a function that calls it off. @defaultValue setTimeout */
  readonly schedule?: (milliseconds: number, wake: () => void) => () => void;
}

export interface DeadLetter {
  readonly body: string;
  readonly reason: string;
  readonly receiveCount: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

interface Stored {
  readonly id: string;
  readonly body: string;
  readonly sentAt: number;
  receiveCount: number;
  visibleAt: number;
}

export class MemoryQueue implements JobQueue {
  readonly location: string;
  readonly #visibility: number;
  readonly #maxReceives: number;
  readonly #clock: Clock;
  readonly #schedule: (milliseconds: number, wake: () => void) => () => void;
  /** In order of sending. */
  readonly #messages = new Map<string, Stored>();
  readonly #dead: DeadLetter[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(options: MemoryQueueOptions = {}) {
    this.location = `memory:${options.name ?? ''}`;
    this.#visibility = (options.visibilitySeconds ?? 30) * 1000;
    this.#maxReceives = options.maxReceives ?? 10;
    this.#clock = options.clock ?? systemClock;
    this.#schedule = options.schedule ?? scheduleTimeout;
  }

  /** Messages taken off with a reason, oldest first. */
  get deadLetters(): readonly DeadLetter[] {
    return this.#dead;
  }

  async send(body: string, options: SendOptions = {}): Promise<void> {
    const delay = delayOf(options);
    const id = randomUUID();
    const sentAt = this.#clock.now();
    this.#messages.set(id, { id, body, sentAt, receiveCount: 0, visibleAt: sentAt + delay * 1000 });
    this.#wakeAll();
  }

  async receive(options: {
    readonly max: number;
    readonly waitSeconds: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage[]> {
    const until = this.#clock.now() + options.waitSeconds * 1000;
    for (;;) {
      if (options.signal?.aborted) return [];
      const taken = this.#take(options.max);
      const now = this.#clock.now();
      if (taken.length > 0 || now >= until) return taken;
      await this.#sleep(Math.min(until, this.#nextVisibleAt()) - now, options.signal);
    }
  }

  async depth(): Promise<number> {
    const now = this.#clock.now();
    return [...this.#messages.values()].filter(({ visibleAt }) => visibleAt <= now).length;
  }

  #take(max: number): QueueMessage[] {
    const now = this.#clock.now();
    const taken: QueueMessage[] = [];
    for (const message of this.#messages.values()) {
      if (taken.length === max) break;
      if (message.visibleAt > now) continue;
      if (message.receiveCount >= this.#maxReceives) {
        this.#bury(message, `received ${message.receiveCount} times without being finished`);
        continue;
      }
      message.receiveCount += 1;
      message.visibleAt = now + this.#visibility;
      taken.push(this.#lease(message, message.receiveCount));
    }
    return taken;
  }

  /** @param receipt the receive count of this delivery: a later delivery makes it void */
  #lease(message: Stored, receipt: number): QueueMessage {
    const holds = () => this.#messages.has(message.id) && message.receiveCount === receipt;
    return {
      id: message.id,
      body: message.body,
      receiveCount: receipt,
      sentAt: message.sentAt,
      delete: async () => {
        if (holds()) this.#messages.delete(message.id);
      },
      extend: async (seconds) => {
        const now = this.#clock.now();
        if (!holds() || message.visibleAt <= now) {
          throw new LostClaimError('the message is visible to others again', { code: 'LEASE_LOST' });
        }
        message.visibleAt = now + seconds * 1000;
        if (seconds === 0) this.#wakeAll();
      },
      deadLetter: async (reason) => {
        if (holds()) this.#bury(message, reason);
      },
    };
  }

  #bury(message: Stored, reason: string): void {
    this.#messages.delete(message.id);
    const { body, receiveCount } = message;
    this.#dead.push({ body, reason, receiveCount, at: this.#clock.now() });
  }

  #nextVisibleAt(): number {
    return [...this.#messages.values()].reduce((least, { visibleAt }) => Math.min(least, visibleAt), Infinity);
  }

  #sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        callOff();
        resolve();
      };
      const callOff = this.#schedule(milliseconds, wake);
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

function scheduleTimeout(milliseconds: number, wake: () => void): () => void {
  const timer = setTimeout(wake, milliseconds);
  return () => clearTimeout(timer);
}
