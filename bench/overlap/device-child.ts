/**
 * An inference process whose device is an event loop that stands still, as it does in a call of a network: for as long
 * as text-xlarge's shape took on an H100 (bench/gpu/RESULTS.md). What comes after is done as in the product: a mesh of
 * 1.3 million cells is extracted in the thread, and sent with a million Gaussians.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { float32 } from '@espalier/tensors';
import { type CallContext, serve } from '../../packages/pipeline/src/inference/serve.ts';
import { SurfaceThread } from '../../packages/pipeline/src/inference/surface-thread.ts';
import { meshTensors } from '../../packages/pipeline/src/stages/meshes.ts';
import { fullSizeCells } from '../geometry/full-size-cells.ts';
import { DECODE_MS, STEP_MS, STEPS } from './device.ts';

const GAUSSIAN_BYTES = 34e6;

const cells = fullSizeCells();
const surfaces = new SurfaceThread();
surfaces.start();

function stand(until: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.max(0, until - performance.now()));
}

/** @param how `waiting` as the product does it; else with one turn of the event loop between two steps */
async function sample(how: string, context: CallContext): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    stand(performance.now() + STEP_MS);
    await (how === 'waiting' ? context.pause() : nextTurn());
  }
}

serve({
  open: async () => ({ value: { device: 'stand-in' } }),
  encode_text: async ({ prompt }, context) => {
    await sample(prompt, context);
    const report = { tokens: 0, used: 0, truncated: false, truncated_text: '', unknown_words: [] };
    return { value: { report } };
  },
  sample_structure: () => Promise.reject(new Error('not here')),
  sample_latent: () => Promise.reject(new Error('not here')),
  decode: async ({ fill_enclosed: fillEnclosed }, context) => {
    const done = performance.now() + DECODE_MS;
    // As the decoder's session does it: the cells are the caller's own.
    const own = { ...cells, features: cells.features.slice(), coords: cells.coords.slice() };
    stand(done);
    const { mesh } = await surfaces.extract(own, { fillEnclosed, onBegin: () => context.onDeviceFree() });
    const gaussians = float32([GAUSSIAN_BYTES / 4], new Float32Array(GAUSSIAN_BYTES / 4));
    return { value: { resolution: cells.resolution }, tensors: { ...meshTensors(mesh), gaussians } };
  },
});
