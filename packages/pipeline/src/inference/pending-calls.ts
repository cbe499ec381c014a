/** Calls that the inference process has not answered: one that uses the device, and those that it is free of. */
import { RetryableError } from '@espalier/contracts';
import type { Reply, Save } from './protocol.ts';
import { TensorAssembly } from './transfer.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: number, steps: number) => void) | undefined;
  /** Resolves when the save is durable, or never will be: the sampler waits for it before it sends another. */
  readonly onSave?: ((save: Save) => Promise<void>) | undefined;
  /** What is left of the call needs no device. Not told where nothing is gained by it. */
  readonly onDeviceFree?: (() => void) | undefined;
}

type Result = Extract<Reply, { kind: 'result' }>;

export class PendingCall {
  readonly id: number;
  readonly options: CallOptions;
  readonly assembly = new TensorAssembly();
  readonly answered: Promise<Result>;
  /** Resolves when the next call may begin: the device is free of this one, or it is over. */
  readonly leftDevice: Promise<void>;
  #usesDevice = true;
  #leave: () => void = () => {};
  #resolve: (result: Result) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(id: number, options: CallOptions) {
    this.id = id;
    this.options = options;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.leftDevice = new Promise((resolve) => {
      this.#leave = resolve;
    });
    // Whoever waits for the device only is not who handles the error.
    this.answered.catch(() => {}).finally(this.#leave);
  }

  get usesDevice(): boolean {
    return this.#usesDevice;
  }

  leaveDevice(): void {
    this.#usesDevice = false;
    this.#leave();
    this.options.onDeviceFree?.();
  }

  resolve(result: Result): void {
    this.#resolve(result);
  }

  reject(error: Error): void {
    this.#reject(error);
  }
}

export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();

  get size(): number {
    return this.#calls.size;
  }

  get(id: number): PendingCall | undefined {
    return this.#calls.get(id);
  }

  add(call: PendingCall): void {
    this.#calls.set(call.id, call);
  }

  /** @returns whether it was among them */
  remove(call: PendingCall): boolean {
    return this.#calls.delete(call.id);
  }

  /**
   * The process is gone, and no call of it will be answered.
   *
   * @param error what is said of the call that used the device, or of those that are left when there was none. Beside it,
   *   a call only lost its process: what went wrong there, out of memory perhaps, says nothing of it
   */
  rejectAll(error: Error): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    const inUse = calls.some(({ usesDevice }) => usesDevice);
    for (const call of calls) call.reject(inUse && !call.usesDevice ? lostBeside(error) : error);
  }
}

function lostBeside(cause: Error): RetryableError {
  return new RetryableError('the inference process ended in the work on another job', {
    code: 'INFERENCE_CRASHED',
    remedy: 'the job goes on from its last save',
    cause,
  });
}
