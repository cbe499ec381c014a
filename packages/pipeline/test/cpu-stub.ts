/** A pool thread that does what its input says, where geometry would compute. */
import { TerminalError } from '@espalier/contracts';
import type { ThreadRequest } from '../src/cpu/cpu-thread.ts';
import { toWire, type WireResult } from '../src/inference/wire-errors.ts';

export default async function runTask({ input, port }: ThreadRequest): Promise<WireResult<unknown>> {
  const { does } = input as { does: string };
  switch (does) {
    case 'exit':
      process.exit(7);
      break;
    case 'uncaught':
      setTimeout(() => {
        throw new Error('nobody catches this');
      }, 1);
      await new Promise((resolve) => setTimeout(resolve, 5000));
      break;
    case 'heap': {
      const hoard: unknown[] = [];
      for (;;) hoard.push(new Array(10_000).fill(hoard.length));
    }
    case 'forever':
      port.postMessage(0.5);
      for (;;);
    case 'terminal':
      return { error: toWire(new TerminalError('no faces', { code: 'MESH_EMPTY', field: 'mesh' })), seconds: 0 };
    case 'throw':
      return { error: toWire(new Error('odd')), seconds: 0 };
  }
  port.postMessage(1);
  port.close();
  return { value: does, seconds: 0 };
}
