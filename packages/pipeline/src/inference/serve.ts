/** The inference process's side of the conversation: receives calls, runs one at a time, sends what they give. */
import { CancelledError } from '@espalier/contracts';
import type { GeneratorState, Tensor } from '@espalier/tensors';
import {
  METHODS,
  type Method,
  type MethodArgs,
  type MethodResult,
  type Reply,
  type Request,
  RequestSchema,
} from './protocol.ts';
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
    void answer(handlers, request, call).finally(() => running.delete(request.id));
  });
}

interface RunningCall {
  readonly controller: AbortController;
  onSaved: () => void;
}

async function answer(
  handlers: MethodHandlers,
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
    const handler = handlers[method] as (args: unknown, context: CallContext) => Promise<MethodOutput<Method>>;
    const output = await handler(METHODS[method].args.parse(args), {
      tensors,
      signal,
      onStep: (step, steps) => send({ kind: 'step', id, step, steps }),
      onSave: (step, generator, sample) =>
        new Promise((resolve) => {
          call.onSaved = resolve;
          send({ kind: 'save', id, step, generator, tensors: { sample } });
        }),
    });
    const used = usage();
    const forms: Record<string, { dtype: string; shape: number[] }> = {};
    for (const [tensor, value] of Object.entries(output.tensors ?? {})) {
      forms[tensor] = { dtype: value.dtype, shape: [...value.shape] };
      for (const { offset, bytes } of chunksOf(value)) send({ kind: 'chunk', id, tensor, offset, bytes });
    }
    send({ kind: 'result', id, value: output.value, tensors: forms, usage: used });
  } catch (error) {
    send({ kind: 'error', id, error: toWire(error), usage: usage() });
  }
}

function send(reply: Reply): void {
  // The callback takes the error of a channel that was closed meanwhile: 'disconnect' ends this process then.
  if (process.connected) process.send?.(reply, undefined, undefined, () => {});
}
