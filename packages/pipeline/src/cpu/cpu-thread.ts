/** Entry of the pool's threads: runs one task at a time. */
import type { MessagePort } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { toWire, type WireResult } from '../inference/wire-errors.ts';
import { buffersOf } from './moved-arrays.ts';
import { CPU_TASKS, type CpuTask, MOVED_OUTPUTS, type Progress } from './tasks.ts';

export interface ThreadRequest {
  readonly task: CpuTask;
  readonly input: unknown;
  /** Where progress goes. */
  readonly port: MessagePort;
}

/** Errors are given back as values: structured cloning would strip them of class and code. */
export default async function runTask({ task, input, port }: ThreadRequest): Promise<WireResult<unknown>> {
  const started = performance.now();
  const run = CPU_TASKS[task] as (input: unknown, onProgress: Progress) => Promise<unknown>;
  try {
    const value = await run(input, (share) => port.postMessage(share));
    const result = { value, seconds: (performance.now() - started) / 1000 };
    return MOVED_OUTPUTS.has(task) ? moved(result) : result;
  } catch (error) {
    return { error: toWire(error), seconds: (performance.now() - started) / 1000 };
  } finally {
    port.close();
  }
}

/** What the pool's library takes for a result that is transferred, and gives as the result itself. */
function moved<T>(result: T): T {
  return move({ [transferableSymbol]: buffersOf(result), [valueSymbol]: result } as never) as T;
}
