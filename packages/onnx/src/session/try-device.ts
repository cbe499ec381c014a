/** Proves that a device runs graphs, by running a small one. */
import { float32 } from '@espalier/tensors';
import { GraphBuilder } from '../graph/graph-builder.ts';
import type { Device } from './device.ts';
import { openSession } from './session.ts';

/** @throws TerminalError DEVICE_UNAVAILABLE, and what the runtime says of the run */
export async function tryDevice(device: Device): Promise<void> {
  const g = new GraphBuilder({ name: 'try' });
  const x = g.input('x', 'float32', ['N', 2]);
  g.output('y', g.add(x, x));
  const session = await openSession(g.build(), { device, threads: 1 });
  try {
    const { y } = await session.run({ x: float32([1, 2], Float32Array.of(1, 2)) });
    if (y?.data[1] !== 4) throw new Error(`2 + 2 is ${String(y?.data[1])} on ${device}`);
  } finally {
    await session.release();
  }
}
