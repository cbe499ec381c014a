/**
 * The inference process's side of the conversation: receives calls, runs them, sends what they give. The other side
 * sends one at a time, or the next one once the device is free of those before it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CancelledError } from '@espalier/contracts';
import type { GeneratorState, Tensor } from '@espalier/tensors';
import { ParentChannel } from './parent-channel.ts';
import { METHODS, type Method, type MethodArgs, type MethodResult, type Request, RequestSchema } from './protocol.ts';
import { chunksOf } from './transfer.ts';
import { toWire } from './wire-errors.ts';

type NamedTensors = Readonly<Record<string, Tensor>>;

/** What a method may use beside its arguments. */
export interface CallContext {
  readonly tensors: NamedTensors;
  /** Fires when the caller gives the call up. It is heard only while the event loop turns. */
  readonly signal: AbortSignal;
  onStep(step: number, steps: number): void;
  /** Resolves when the save is durable, or never will be. One at a time. */
  onSave(step: number, generator: GeneratorState, sample: Tensor): Promise<void>;
  /** What is left of the call needs no device: the next one may begin beside it. */
  onDeviceFree(): void;
  /**
   * Between two calls of the networks: lets the event loop turn, so that word of a cancellation can come in, and what
   * was said, by calls before this one, too, goes out.
   */
  pause(): Promise<void>;
}

export interface MethodOutput<M extends Method> {
  readonly value: MethodResult<M>;
  readonly tensors?: NamedTensors;
}

export type MethodHandlers = {
  readonly [M in Method]: (args: MethodArgs<M>, context: CallContext) => Promise<MethodOutput<M>>;
};

/** Serves this process's IPC channel until the other side lets go of it. */
export function serve(handlers: MethodHandlers): void {
  const running = new Map<number, RunningCall>();
  const parent = new ParentChannel();
  // Ctrl-C reaches the whole process group: the parent decides when this process ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  // Without a parent there is nobody to work for.
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message) => {
    const request: Request = RequestSchema.parse(message);
    if (request.kind === 'cancel') {
      running.get(request.id)?.controller.abort(new CancelledError());
      return;
    }
    if (request.kind === 'saved') {
      running.get(request.id)?.onSaved();
      return;
    }
    const call: RunningCall = { controller: new AbortController(), onSaved: () => {} };
    running.set(request.id, call);
    void answer(handlers, parent, request, call).finally(() => running.delete(request.id));
  });
}

interface RunningCall {
  readonly controller: AbortController;
  onSaved: () => void;
}

async function answer(
  handlers: MethodHandlers,
  parent: ParentChannel,
  { id, method, args, tensors }: Extract<Request, { kind: 'call' }>,
  call: RunningCall,
): Promise<void> {
  const { signal } = call.controller;
  const started = performance.now();
  const usage = () => ({
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    seconds: (performance.now() - started) / 1000,
  });
  try {
    await parent.emptied();
    const handler = handlers[method] as (args: unknown, context: CallContext) => Promise<MethodOutput<Method>>;
    const output = await handler(METHODS[method].args.parse(args), {
      tensors,
      signal,
      onStep: (step, steps) => parent.send({ kind: 'step', id, step, steps }),
      onSave: (step, generator, sample) =>
        new Promise((resolve) => {
          call.onSaved = resolve;
          parent.send({ kind: 'save', id, step, generator, tensors: { sample } });
        }),
      onDeviceFree: () => parent.send({ kind: 'device_free', id }),
      pause: async () => {
        await nextTurn();
        await parent.emptied();
      },
    });
    const used = usage();
    const forms: Record<string, { dtype: string; shape: number[] }> = {};
    for (const [tensor, value] of Object.entries(output.tensors ?? {})) {
      forms[tensor] = { dtype: value.dtype, shape: [...value.shape] };
      for (const { offset, bytes } of chunksOf(value)) parent.send({ kind: 'chunk', id, tensor, offset, bytes });
    }
    parent.send({ kind: 'result', id, value: output.value, tensors: forms, usage: used });
  } catch (error) {
    parent.send({ kind: 'error', id, error: toWire(error), usage: usage() });
  }
}
