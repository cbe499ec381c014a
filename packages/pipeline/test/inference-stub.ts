/** A process that does what the prompt says, where networks would compute: for tests of what becomes of it. */
import { setTimeout as wait } from 'node:timers/promises';
import { TerminalError } from '@espalier/contracts';
import { float32 } from '@espalier/tensors';
import { type CallContext, serve } from '../src/inference/serve.ts';

const report = { tokens: 3, used: 3, truncated: false, truncated_text: '', unknown_words: [] };
const tiny = float32([1, 1, 1], Float32Array.of(process.pid));

/** As `session.run` does it: nothing else runs in this process meanwhile. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Calls that work without the device go on until a call opens it. */
let open = (): void => {};
const gate = new Promise<void>((resolve) => {
  open = resolve;
});

async function act(prompt: string, context: CallContext): Promise<void> {
  const [what, argument] = prompt.split(' ');
  switch (what) {
    case 'exit':
      process.exit(Number(argument));
      break;
    case 'abort':
      process.abort();
      break;
    case 'environment':
      throw new Error(`${argument}=${process.env[argument ?? '']}`);
    case 'throw':
      throw new Error(prompt.slice('throw '.length));
    case 'terminal':
      throw new TerminalError('weights are broken', { code: 'WEIGHTS_BROKEN', field: 'blocks.0', remedy: 'pull' });
    case 'print':
      process.stderr.write(`${prompt.slice('print '.length)}\n`);
      await wait(20);
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'block':
      context.onStep(0, 1);
      await wait(5);
      block(Number(argument));
      break;
    case 'steps':
      for (let step = 1; step <= Number(argument); step++) {
        context.onStep(step, Number(argument));
        block(5);
        await context.pause();
        context.signal.throwIfAborted();
      }
      break;
    case 'extract':
      context.onDeviceFree();
      await Promise.race([gate, new Promise((resolve) => context.signal.addEventListener('abort', resolve))]);
      context.signal.throwIfAborted();
      break;
    case 'open':
      open();
      break;
    case 'uncaught':
      setTimeout(() => {
        throw new Error('nobody catches this');
      }, 1);
      await wait(5000);
      break;
    case 'garbage':
      process.send?.({ kind: 'result', id: 'no number' });
      await wait(5000);
      break;
  }
}

serve({
  open: async ({ folder }) => {
    if (folder === 'missing') throw new TerminalError('no model', { code: 'MODEL_NOT_FOUND' });
    return { value: { device: 'cpu' } };
  },
  encode_text: async ({ prompt }, context) => {
    await act(prompt, context);
    const [what, argument] = prompt.split(' ');
    if (what !== 'large') return { value: { report }, tensors: { cond: tiny, negative: tiny } };
    const count = Number(argument);
    const values = Float32Array.from({ length: count }, (_, i) => i % 1000);
    return { value: { report }, tensors: { cond: float32([1, 1, count], values), negative: tiny } };
  },
  sample_structure: () => Promise.reject(new Error('not here')),
  sample_latent: () => Promise.reject(new Error('not here')),
  decode: () => Promise.reject(new Error('not here')),
});
