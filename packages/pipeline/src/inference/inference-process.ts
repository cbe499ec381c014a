/**
 * The client of the inference process: one call at a time, in order; the process is started by the first call and
 * started anew after it ended.
 *
 * `session.run` blocks the event loop of the process that calls it and cannot be aborted. Hence a process of its
 * own: this one stays responsive, and can end that one.
 */
import type { Device, Logger } from '@espalier/contracts';
import type { Tensor } from '@espalier/tensors';
import { z } from 'zod';
import { Turns } from '../turns.ts';
import { throwIfCancelled } from './cancelled.ts';
import { Child } from './child-process.ts';
import {
  METHODS,
  type Method,
  type MethodArgs,
  type MethodResult,
  type Reply,
  ReplySchema,
  type Save,
} from './protocol.ts';
import { TensorAssembly } from './transfer.ts';
import { fromWire } from './wire-errors.ts';

export interface InferenceOptions {
  /** Model folder in the published layout. */
  readonly folder: string;
  readonly device: Device;
  /** Threads of one network call. @defaultValue the runtime's choice */
  readonly threads?: number | undefined;
  readonly huggingFaceHome?: string | undefined;
  readonly logger: Logger;
  /** An idle process is closed after this long. @defaultValue never */
  readonly idleMs?: number | undefined;
  /** A cancelled call may go on for this long, up to the end of its step; then the process is killed. @defaultValue 2000 */
  readonly cancelGraceMs?: number | undefined;
  /** Module that the process runs. @defaultValue the TRELLIS one */
  readonly module?: URL;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: number, steps: number) => void) | undefined;
  /** Resolves when the save is durable, or never will be: the sampler waits for it before it sends another. */
  readonly onSave?: ((save: Save) => Promise<void>) | undefined;
}

export interface CallResult<M extends Method> {
  readonly value: MethodResult<M>;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** What the process has cost so far, over all its restarts. */
export interface InferenceUsage {
  readonly starts: number;
  readonly peakMemoryBytes: number;
  /** Spent inside calls. */
  readonly seconds: number;
}

interface PendingCall {
  readonly id: number;
  readonly options: CallOptions;
  readonly assembly: TensorAssembly;
  resolve(reply: Extract<Reply, { kind: 'result' }>): void;
  reject(error: Error): void;
}

const CANCEL_GRACE_MS = 2000;

export class InferenceProcess {
  readonly #options: InferenceOptions;
  readonly #turns = new Turns(1);
  #child: Child | undefined;
  #opened: string | undefined;
  #pending: PendingCall | undefined;
  #nextId = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #usage = { starts: 0, peakMemoryBytes: 0, seconds: 0 };

  constructor(options: InferenceOptions) {
    this.#options = options;
  }

  get usage(): InferenceUsage {
    return this.#usage;
  }

  /** Process id while one is running. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What the networks run on, once the model is open. */
  get device(): string | undefined {
    return this.#opened;
  }

  /**
   * Calls a method, after those that were called before it.
   *
   * @throws CancelledError when `signal` fires; the process is killed when it does not stop within the grace time
   * @throws RetryableError INFERENCE_CRASHED, OUT_OF_MEMORY, INFERENCE_FAILED
   * @throws TerminalError what the model and the networks throw, with their codes
   */
  async call<M extends Method>(
    method: M,
    args: MethodArgs<M>,
    tensors: Readonly<Record<string, Tensor>>,
    options: CallOptions = {},
  ): Promise<CallResult<M>> {
    const { signal } = options;
    const turn = async (): Promise<CallResult<M>> => {
      clearTimeout(this.#idleTimer);
      try {
        throwIfCancelled(signal);
        await this.#open(signal);
        return await this.#exchange(method, args, tensors, options);
      } finally {
        this.#rest();
      }
    };
    return this.#turns.hold(turn, signal);
  }

  /** Ends the process; a later call starts a new one. */
  async close(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const child = this.#child;
    if (child === undefined) return;
    if (this.#pending === undefined) await child.close();
    else await child.kill();
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    if (this.#child !== undefined && this.#opened !== undefined) return;
    this.#child ??= this.#start();
    const { folder, device, threads, huggingFaceHome } = this.#options;
    const args = {
      folder,
      device,
      ...(threads !== undefined && { threads }),
      ...(huggingFaceHome !== undefined && { hugging_face_home: huggingFaceHome }),
    };
    const { value } = await this.#exchange('open', args, {}, { signal });
    this.#opened = value.device;
  }

  #start(): Child {
    this.#usage.starts += 1;
    const { logger } = this.#options;
    const child: Child = new Child(this.#options.module ?? new URL('./inference-child.ts', import.meta.url), {
      onMessage: (message) => {
        if (this.#child === child) this.#receive(message);
      },
      onOutput: (text) => logger.debug({ pid: child.pid, text: text.trimEnd() }, 'inference process printed'),
      onEnd: (error) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#opened = undefined;
        const pending = this.#pending;
        this.#pending = undefined;
        pending?.reject(error);
      },
    });
    logger.debug({ pid: child.pid }, 'inference process started');
    return child;
  }

  async #exchange<M extends Method>(
    method: M,
    args: MethodArgs<M>,
    tensors: Readonly<Record<string, Tensor>>,
    options: CallOptions,
  ): Promise<CallResult<M>> {
    this.#child ??= this.#start();
    const child = this.#child;
    const id = this.#nextId++;
    const assembly = new TensorAssembly();
    let grace: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      child.send({ kind: 'cancel', id });
      grace = setTimeout(() => void child.kill(), this.#options.cancelGraceMs ?? CANCEL_GRACE_MS);
    };
    try {
      const reply = await new Promise<Extract<Reply, { kind: 'result' }>>((resolve, reject) => {
        this.#pending = { id, options, assembly, resolve, reject };
        child.send({ kind: 'call', id, method, args: METHODS[method].args.parse(args), tensors });
        if (options.signal?.aborted) cancel();
        else options.signal?.addEventListener('abort', cancel, { once: true });
      });
      const values = Object.entries(reply.tensors).map(([name, form]) => [name, assembly.tensor(name, form)]);
      return {
        value: METHODS[method].result.parse(reply.value) as MethodResult<M>,
        tensors: Object.fromEntries(values) as Record<string, Tensor>,
      };
    } catch (error) {
      // However it ended after the signal, it ended because of it.
      throwIfCancelled(options.signal, error);
      throw error;
    } finally {
      clearTimeout(grace);
      options.signal?.removeEventListener('abort', cancel);
    }
  }

  #receive(message: unknown): void {
    const parsed = ReplySchema.safeParse(message);
    const pending = this.#pending;
    if (!parsed.success) {
      this.#pending = undefined;
      const message = `the inference process sent what it should not: ${z.prettifyError(parsed.error)}`;
      pending?.reject(fromWire({ consequence: 'unknown', code: 'INTERNAL', message }, 'INFERENCE_FAILED'));
      void this.#child?.kill();
      this.#child = undefined;
      this.#opened = undefined;
      return;
    }
    const reply = parsed.data;
    if (pending === undefined || reply.id !== pending.id) return; // of a call that was given up
    switch (reply.kind) {
      case 'step':
        pending.options.onStep?.(reply.step, reply.steps);
        return;
      case 'save':
        this.#keep(pending, reply);
        return;
      case 'chunk':
        pending.assembly.add(reply.tensor, reply.offset, reply.bytes);
        return;
      case 'result':
      case 'error':
        this.#pending = undefined;
        this.#usage = {
          ...this.#usage,
          seconds: this.#usage.seconds + reply.usage.seconds,
          peakMemoryBytes: Math.max(this.#usage.peakMemoryBytes, reply.usage.peak_memory_bytes),
        };
        if (reply.kind === 'result') pending.resolve(reply);
        else pending.reject(fromWire(reply.error, 'INFERENCE_FAILED'));
    }
  }

  #keep({ id, options }: PendingCall, save: Save): void {
    const child = this.#child;
    const tell = (): void => {
      if (this.#child === child) child?.send({ kind: 'saved', id });
    };
    void (options.onSave?.(save) ?? Promise.resolve()).then(tell, tell);
  }

  #rest(): void {
    const { idleMs } = this.#options;
    if (idleMs === undefined || this.#child === undefined) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.close(), idleMs);
    this.#idleTimer.unref();
  }
}
