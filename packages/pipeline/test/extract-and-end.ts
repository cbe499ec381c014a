/** Extracts a surface in the thread, and leaves it to the thread whether this process ends. */
import { SurfaceThread } from '../src/inference/surface-thread.ts';

const cells = { coords: new Int32Array(0), features: new Float32Array(0), resolution: 16 };
await new SurfaceThread().extract(cells, { fillEnclosed: true });
process.stdout.write('extracted\n');
