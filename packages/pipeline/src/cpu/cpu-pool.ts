/**
 * Worker threads for the CPU lane.
 *
 * Holds: a thread that dies takes its own task with it and nothing else; a cancelled task's thread is ended at once.
 */
import { MessageChannel } from 'node:worker_threads';
import { EspalierError, ensureError, type Logger, nodeFlagsFor, RetryableError } from '@espalier/contracts';
import { Piscina } from 'piscina';
import { throwIfCancelled } from '../inference/cancelled.ts';
import { fromWire, isOutOfMemory, outOfMemory, type WireResult } from '../inference/wire-errors.ts';
import { Turns } from '../turns.ts';
import type { ThreadRequest } from './cpu-thread.ts';
import type { CpuTask, CpuTaskInput, CpuTaskOutput, Progress } from './tasks.ts';

export interface CpuRunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Its turn has come. */
  readonly onBegin?: (() => void) | undefined;
  readonly onProgress?: Progress | undefined;
  /** Memory under the input that moves to the thread. Lost when the task fails. @defaultValue none: all is copied */
  readonly moved?: readonly ArrayBuffer[] | undefined;
}

export interface CpuTasks {
  /** Tasks that run at a time. */
  readonly size: number;
  run<T extends CpuTask>(task: T, input: CpuTaskInput<T>, options?: CpuRunOptions): Promise<CpuTaskOutput<T>>;
}

export interface CpuPoolOptions {
  /** Threads, and so tasks at a time. `MAX_JOBS`. */
  readonly size: number;
  readonly logger: Logger;
  /** An idle thread ends after this long. @defaultValue 30000 */
  readonly idleMs?: number | undefined;
  /** Threads start with the first task, or with `start`, all of them, and stay. @defaultValue false */
  readonly resident?: boolean | undefined;
  /** Heap of one thread in megabytes. @defaultValue Node's own limit */
  readonly heapMegabytes?: number | undefined;
  /** Module that the threads run. @defaultValue the geometry tasks */
  readonly module?: URL;
}

const IDLE_MS = 30_000;

export class CpuPool implements CpuTasks {
  readonly #options: CpuPoolOptions;
  /** Piscina leaves a task in its queue for good when the last thread dies: its queue is never used. */
  readonly #turns: Turns;
  #pool: Piscina<ThreadRequest, WireResult<unknown>> | undefined;
  #seconds = 0;

  constructor(options: CpuPoolOptions) {
    this.#options = options;
    this.#turns = new Turns(options.size);
  }

  get size(): number {
    return this.#options.size;
  }

  /** Spent inside tasks so far. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Starts resident threads, if they are not there, so that the first task finds them ready. */
  start(): void {
    this.#pool ??= this.#open();
  }

  /**
   * @throws CancelledError when `signal` fires
   * @throws RetryableError CPU_WORKER_CRASHED, OUT_OF_MEMORY, CPU_TASK_FAILED
   * @throws TerminalError what the task throws, with its code
   */
  async run<T extends CpuTask>(
    task: T,
    input: CpuTaskInput<T>,
    options: CpuRunOptions = {},
  ): Promise<CpuTaskOutput<T>> {
    const turn = () => {
      options.onBegin?.();
      return this.#run(task, input, options);
    };
    return this.#turns.hold(turn, options.signal);
  }

  /** Ends all threads; a later task starts new ones. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.destroy();
  }

  async #run<T extends CpuTask>(
    task: T,
    input: CpuTaskInput<T>,
    { signal, onProgress, moved = [] }: CpuRunOptions,
  ): Promise<CpuTaskOutput<T>> {
    throwIfCancelled(signal);
    this.#pool ??= this.#open();
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (share: number) => onProgress?.(share));
    port1.unref();
    try {
      const options = { transferList: [port2, ...moved], ...(signal !== undefined && { signal }) };
      const reply = await this.#pool.run({ task, input, port: port2 }, options);
      this.#seconds += reply.seconds;
      if ('error' in reply) throw fromWire(reply.error, 'CPU_TASK_FAILED');
      return reply.value as CpuTaskOutput<T>;
    } catch (error) {
      throwIfCancelled(signal, error);
      throw explain(error, task);
    } finally {
      port1.close();
    }
  }

  #open(): Piscina<ThreadRequest, WireResult<unknown>> {
    const { size, idleMs, resident, heapMegabytes, logger } = this.#options;
    const module = this.#options.module ?? new URL('./cpu-thread.ts', import.meta.url);
    const pool = new Piscina<ThreadRequest, WireResult<unknown>>({
      filename: module.href,
      execArgv: nodeFlagsFor(module),
      minThreads: resident === true ? size : 0,
      maxThreads: size,
      idleTimeout: idleMs ?? IDLE_MS,
      ...(heapMegabytes !== undefined && { resourceLimits: { maxOldGenerationSizeMb: heapMegabytes } }),
      // A thread that blocks on Atomics between tasks would keep its progress messages back.
      atomics: 'disabled',
    });
    // A thread that dies between tasks belongs to no job.
    pool.on('error', (error: Error) => logger.warn({ err: error }, 'an idle CPU worker ended'));
    return pool;
  }
}

function explain(error: unknown, task: CpuTask): unknown {
  if (error instanceof EspalierError) return error;
  const { message } = ensureError(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY' || isOutOfMemory(message)) return outOfMemory(error);
  return new RetryableError(`a CPU worker ended in the middle of '${task}': ${message}`, {
    code: 'CPU_WORKER_CRASHED',
    remedy: 'try again; if it happens again, look at the log and at free memory',
    cause: error,
  });
}
