/** A forked process whose end is always explained: asked for, crashed, or out of memory. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { nodeFlagsFor, RetryableError } from '@espalier/contracts';
import { isOutOfMemory, outOfMemory } from './wire-errors.ts';

/** What a crash left on stderr is kept to this length. */
const TAIL_CHARACTERS = 8192;

export interface ChildListeners {
  onMessage(message: unknown): void;
  /** Called once; `error` says how it ended, whether asked for or not. */
  onEnd(error: RetryableError): void;
  /** A line-wise piece of what the process printed. */
  onOutput(text: string): void;
}

export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #tail = '';

  constructor(moduleUrl: URL, listeners: ChildListeners) {
    this.#process = fork(moduleUrl, [], {
      execArgv: nodeFlagsFor(moduleUrl),
      // Large pages: the runtime's binding copies half a gigabyte of cells into new memory, whatever was to be written to,
      // and the system takes three times as long to give it in small ones. Where libc or kernel have none, nothing changes.
      env: { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1', ...process.env },
      serialization: 'advanced',
      // Its stdout is not ours: a library that prints must not spoil what a command prints for machines.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#tail = (this.#tail + text).slice(-TAIL_CHARACTERS);
        listeners.onOutput(text);
      });
    }
    this.#process.on('message', (message) => listeners.onMessage(message));
    let spawnError: Error | undefined;
    this.#process.on('error', (error) => {
      spawnError ??= error;
    });
    // Not 'close': it never comes after `disconnect()`. The last output may come after 'exit'.
    const printed = Promise.all([this.#process.stdout, this.#process.stderr].map(closed));
    this.#ended = new Promise((resolve) => {
      const end = async (code: number | null, signal: NodeJS.Signals | null): Promise<void> => {
        await printed;
        resolve();
        listeners.onEnd(this.#explain(code, signal, spawnError));
      };
      this.#process.once('exit', (code, signal) => void end(code, signal));
      this.#process.once('error', () => {
        if (this.#process.pid === undefined) void end(null, null);
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** A message to a process that is gone is dropped: its end is reported by `onEnd`. */
  send(message: object): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** Lets an idle process end by itself. */
  async close(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
  }

  /** Ends it at once, whatever it is doing. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  #explain(code: number | null, signal: string | null, spawnError: Error | undefined): RetryableError {
    const cause = spawnError ?? new Error(this.#tail.trim() || 'it printed nothing');
    if (isOutOfMemory(this.#tail)) return outOfMemory(cause);
    const how = signal !== null ? `was ended by ${signal}` : spawnError ? 'did not start' : `ended with code ${code}`;
    return new RetryableError(`the inference process ${how}`, {
      code: 'INFERENCE_CRASHED',
      remedy: 'the job goes on from its last save; if it happens again, look at the log and at free memory',
      cause,
    });
  }
}

async function closed(stream: Readable | null): Promise<void> {
  if (stream !== null && !stream.closed) await once(stream, 'close').catch(() => {});
}
