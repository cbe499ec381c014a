/**
 * The client of the inference process: calls begin in order, each when the device is free of the one before. What is left
 * of a call then goes on beside the next one. The process is started by the first call and started anew after it ended.
 *
 * `session.run` blocks the event loop of the process that calls it and cannot be aborted. Hence a process of its
 * own: this one stays responsive, and can end that one.
 */
import { CancelledError, type Device, type Logger } from '@espalier/contracts';
import type { Tensor } from '@espalier/tensors';
import { z } from 'zod';
import { Turns } from '../turns.ts';
import { throwIfCancelled } from './cancelled.ts';
import { Child } from './child-process.ts';
import { type CallOptions, PendingCall, PendingCalls } from './pending-calls.ts';
import { METHODS, type Method, type MethodArgs, type MethodResult, ReplySchema, type Save } from './protocol.ts';
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

const CANCEL_GRACE_MS = 2000;

export class InferenceProcess {
  readonly #options: InferenceOptions;
  /** On the device. */
  readonly #turns = new Turns(1);
  readonly #pending = new PendingCalls();
  #child: Child | undefined;
  #opened: string | undefined;
  /** Calls that are not at their end, those that wait for their turn among them. */
  #calls = 0;
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
    clearTimeout(this.#idleTimer);
    this.#calls += 1;
    try {
      // An object, since a promise alone would be waited for in here.
      const { exchange } = await this.#turns.hold(async () => {
        throwIfCancelled(signal);
        await this.#open(signal);
        const call = this.#begin(method, args, tensors, options);
        const exchange = this.#finish(method, call);
        await call.leftDevice;
        return { exchange };
      }, signal);
      return await exchange;
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0) this.#rest();
    }
  }

  /** Ends the process; a later call starts a new one. */
  async close(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const child = this.#child;
    if (child === undefined) return;
    if (this.#pending.size === 0) await child.close();
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
    const { value } = await this.#finish('open', this.#begin('open', args, {}, { signal }));
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
        this.#pending.rejectAll(error);
      },
    });
    logger.debug({ pid: child.pid }, 'inference process started');
    return child;
  }

  #begin<M extends Method>(
    method: M,
    args: MethodArgs<M>,
    tensors: Readonly<Record<string, Tensor>>,
    options: CallOptions,
  ): PendingCall {
    this.#child ??= this.#start();
    const request = { method, args: METHODS[method].args.parse(args), tensors };
    const call = new PendingCall(this.#nextId++, options);
    this.#pending.add(call);
    this.#child.send({ kind: 'call', id: call.id, ...request });
    return call;
  }

  /** The call's end, whether it comes or is brought about by the signal. */
  async #finish<M extends Method>(method: M, call: PendingCall): Promise<CallResult<M>> {
    const child = this.#child;
    const { id, assembly, options, answered, leftDevice } = call;
    const { signal } = options;
    let grace: NodeJS.Timeout | undefined;
    const giveUp = (): void => {
      // What goes on without the device is stopped by word alone, and nobody waits until the process hears it.
      if (this.#pending.remove(call)) call.reject(new CancelledError());
    };
    const cancel = (): void => {
      child?.send({ kind: 'cancel', id });
      grace = setTimeout(() => void child?.kill(), this.#options.cancelGraceMs ?? CANCEL_GRACE_MS);
      void leftDevice.then(giveUp);
    };
    try {
      if (signal?.aborted) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
      const reply = await answered;
      const values = Object.entries(reply.tensors).map(([name, form]) => [name, assembly.tensor(name, form)]);
      return {
        value: METHODS[method].result.parse(reply.value) as MethodResult<M>,
        tensors: Object.fromEntries(values) as Record<string, Tensor>,
      };
    } catch (error) {
      // However it ended after the signal, it ended because of it.
      throwIfCancelled(signal, error);
      throw error;
    } finally {
      clearTimeout(grace);
      signal?.removeEventListener('abort', cancel);
    }
  }

  #receive(message: unknown): void {
    const parsed = ReplySchema.safeParse(message);
    if (!parsed.success) {
      const message = `the inference process sent what it should not: ${z.prettifyError(parsed.error)}`;
      void this.#child?.kill();
      this.#child = undefined;
      this.#opened = undefined;
      this.#pending.rejectAll(fromWire({ consequence: 'unknown', code: 'INTERNAL', message }, 'INFERENCE_FAILED'));
      return;
    }
    const reply = parsed.data;
    const call = this.#pending.get(reply.id);
    if (call === undefined) return; // it was given up
    switch (reply.kind) {
      case 'step':
        call.options.onStep?.(reply.step, reply.steps);
        return;
      case 'device_free':
        call.leaveDevice();
        return;
      case 'save':
        this.#keep(call, reply);
        return;
      case 'chunk':
        call.assembly.add(reply.tensor, reply.offset, reply.bytes);
        return;
      case 'result':
      case 'error':
        this.#pending.remove(call);
        this.#usage = {
          ...this.#usage,
          seconds: this.#usage.seconds + reply.usage.seconds,
          peakMemoryBytes: Math.max(this.#usage.peakMemoryBytes, reply.usage.peak_memory_bytes),
        };
        if (reply.kind === 'result') call.resolve(reply);
        else call.reject(fromWire(reply.error, 'INFERENCE_FAILED'));
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
