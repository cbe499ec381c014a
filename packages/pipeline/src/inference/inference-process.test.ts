import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import {
  CancelledError,
  OUT_OF_MEMORY_MESSAGE,
  RetryableError,
  silentLogger,
  TerminalError,
} from '@espalier/contracts';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type InferenceOptions, InferenceProcess } from './inference-process.ts';
import type { CallOptions } from './pending-calls.ts';

function start(options: Partial<InferenceOptions> = {}): InferenceProcess {
  const inference = new InferenceProcess({
    folder: '.',
    device: 'cpu',
    logger: silentLogger,
    module: new URL('../../test/inference-stub.ts', import.meta.url),
    ...options,
  });
  onTestFinished(() => inference.close());
  return inference;
}

const encode = (inference: InferenceProcess, prompt: string, options: CallOptions = {}) =>
  inference.call('encode_text', { prompt }, {}, options);
const pidOf = ({ tensors }: Awaited<ReturnType<typeof encode>>) => tensors.cond?.data[0];
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('InferenceProcess', () => {
  it('starts with the first call and serves all later ones', async () => {
    const inference = start();
    expect(inference.pid).toBeUndefined();
    const pids = [pidOf(await encode(inference, 'a')), pidOf(await encode(inference, 'b'))];
    expect(pids).toEqual([inference.pid, inference.pid]);
    expect(inference.usage.starts).toBe(1);
    expect(inference.usage.peakMemoryBytes).toBeGreaterThan(1e6);
    expect(inference.device).toBe('cpu');
  });

  it('asks for memory in large pages, unless who starts it says otherwise', async () => {
    const told = () => encode(start(), 'environment GLIBC_TUNABLES');
    await expect(told()).rejects.toThrow('GLIBC_TUNABLES=glibc.malloc.hugetlb=1');
    vi.stubEnv('GLIBC_TUNABLES', 'glibc.malloc.check=1');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(told()).rejects.toThrow('GLIBC_TUNABLES=glibc.malloc.check=1');
  });

  it('runs calls one at a time, in order', async () => {
    const inference = start();
    const order: string[] = [];
    await Promise.all(
      ['block 50', 'a', 'b'].map(async (prompt) => order.push((await encode(inference, prompt)) && prompt)),
    );
    expect(order).toEqual(['block 50', 'a', 'b']);
  });

  it('makes a retryable error of every kind of crash and goes on in a fresh process', async () => {
    const inference = start();
    const crashes: [string, RegExp][] = [
      ['exit 3', /ended with code 3/],
      ['exit 0', /ended with code 0/],
      ['abort', /SIGABRT/],
      ['uncaught', /ended with code 1/],
      ['print last words', /SIGKILL/],
    ];
    for (const [prompt, message] of crashes) {
      const error = await encode(inference, prompt).catch((thrown: unknown) => thrown);
      expect(error, prompt).toBeInstanceOf(RetryableError);
      expect(error).toMatchObject({ code: 'INFERENCE_CRASHED', message: expect.stringMatching(message) });
      if (prompt.startsWith('print')) expect((error as Error).cause).toMatchObject({ message: 'last words' });
    }
    expect(pidOf(await encode(inference, 'again'))).toBe(inference.pid);
    expect(inference.usage.starts).toBe(crashes.length + 1);
  });

  it('survives a SIGKILL from outside, in a call and between two', async () => {
    const inference = start();
    await encode(inference, 'a');
    const call = encode(inference, 'block 10000').catch((thrown: unknown) => thrown);
    await wait(100);
    process.kill(inference.pid as number, 'SIGKILL');
    expect(await call).toMatchObject({ code: 'INFERENCE_CRASHED' });
    await encode(inference, 'b');
    const { pid } = inference;
    process.kill(pid as number, 'SIGKILL');
    while (inference.pid === pid) await wait(5);
    await encode(inference, 'c');
    expect(inference.usage.starts).toBe(3);
  });

  it('says that memory ran out', async () => {
    const inference = start();
    const prompts = [
      'throw CUDA error: out of memory',
      'throw Failed to allocate memory for requested buffer of size 4294967296',
      'throw std::bad_alloc',
      'throw Array buffer allocation failed',
      'print FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    ];
    for (const prompt of prompts) {
      const error = await encode(inference, prompt).catch((thrown: unknown) => thrown);
      expect(error, prompt).toBeInstanceOf(RetryableError);
      expect(error).toMatchObject({ code: 'OUT_OF_MEMORY', message: OUT_OF_MEMORY_MESSAGE });
    }
  });

  it('passes errors through with class, code, field and remedy', async () => {
    const inference = start();
    const error = await encode(inference, 'terminal').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TerminalError);
    expect(error).toMatchObject({ code: 'WEIGHTS_BROKEN', field: 'blocks.0', remedy: 'pull' });
    await expect(encode(inference, 'throw odd')).rejects.toMatchObject({ code: 'INFERENCE_FAILED', message: 'odd' });
    expect(inference.usage.starts).toBe(1);
    await expect(encode(start({ folder: 'missing' }), 'a')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  it('cancels between two steps and keeps the process', async () => {
    const inference = start();
    const controller = new AbortController();
    const steps: number[] = [];
    const call = inference.call(
      'encode_text',
      { prompt: 'steps 1000' },
      {},
      {
        signal: controller.signal,
        onStep: (step) => {
          steps.push(step);
          if (step === 5) controller.abort();
        },
      },
    );
    await expect(call).rejects.toBeInstanceOf(CancelledError);
    expect(steps.length).toBeLessThan(1000);
    await encode(inference, 'after');
    expect(inference.usage.starts).toBe(1);
  });

  it('kills a process that does not stop', async () => {
    const inference = start({ cancelGraceMs: 50 });
    const controller = new AbortController();
    const call = inference.call(
      'encode_text',
      { prompt: 'block 60000' },
      {},
      {
        signal: controller.signal,
        onStep: () => controller.abort(),
      },
    );
    await expect(call).rejects.toBeInstanceOf(CancelledError);
    expect(inference.pid).toBeUndefined();
  });

  it('throws the reason of a signal that has one, and does not start for an aborted one', async () => {
    const inference = start();
    const reason = new CancelledError('too late', { code: 'DEADLINE_EXCEEDED' });
    await expect(encode(inference, 'a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(inference.usage.starts).toBe(0);
  });

  it('rejects a process that sends what it should not', async () => {
    const inference = start();
    await expect(encode(inference, 'garbage')).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    await encode(inference, 'after');
  });

  it('receives large tensors whole', async () => {
    const count = 10_000_000;
    const { tensors } = await encode(start(), `large ${count}`);
    expect(tensors.cond?.shape).toEqual([1, 1, count]);
    expect(tensors.cond?.data.every((value, i) => value === i % 1000)).toBe(true);
  });

  it('keeps the event loop turning while the process is blocked', async () => {
    const inference = start();
    await encode(inference, 'a');
    const delay = monitorEventLoopDelay({ resolution: 5 });
    let turns = 0;
    const timer = setInterval(() => turns++, 10);
    delay.enable();
    await encode(inference, 'block 3000');
    delay.disable();
    clearInterval(timer);
    // Blocked as long as that process, this loop would have turned once or twice.
    expect(turns).toBeGreaterThan(20);
  });

  it('lets go of an idle process', async () => {
    const inference = start({ idleMs: 20 });
    await encode(inference, 'a');
    const pid = inference.pid as number;
    while (inference.pid !== undefined) await wait(5);
    expect(alive(pid)).toBe(false);
    await encode(inference, 'b');
    expect(inference.usage.starts).toBe(2);
  });
});

/** A call that has left the device, and goes on until `encode(inference, 'open')`. */
async function extracting(inference: InferenceProcess, signal?: AbortSignal) {
  let call: ReturnType<typeof encode> | undefined;
  await new Promise<void>((resolve, reject) => {
    call = encode(inference, 'extract', { signal, onDeviceFree: resolve });
    call.catch(reject);
  });
  return { call: call as ReturnType<typeof encode> };
}

const thrownBy = (call: Promise<unknown>) =>
  call.then(
    () => 'nothing',
    (thrown: unknown) => thrown,
  );

describe('InferenceProcess, once the device is free of a call', () => {
  it('begins the next one, and one at a time as before', async () => {
    const inference = start();
    const first = await extracting(inference);
    const order: string[] = [];
    void first.call.then(() => order.push('first'));
    const told = (prompt: string) => encode(inference, prompt).then(() => void order.push(prompt));
    await Promise.all([told('block 50'), told('a')]);
    expect(order).toEqual(['block 50', 'a']);
    await encode(inference, 'open');
    await first.call;
    expect(inference.usage.starts).toBe(1);
  });

  it('cancels it without harm to the one on the device, and without waiting for that', async () => {
    const inference = start({ cancelGraceMs: 1 });
    const controller = new AbortController();
    const first = await extracting(inference, controller.signal);
    const order: string[] = [];
    const onStep = () => controller.abort();
    const second = encode(inference, 'block 200', { onStep }).then(() => void order.push('second'));
    await expect(first.call).rejects.toBeInstanceOf(CancelledError);
    order.push('first');
    await second;
    expect(order).toEqual(['first', 'second']);
    expect(inference.usage.starts).toBe(1);
  });

  it('leaves it alone when the one on the device is cancelled', async () => {
    const inference = start();
    const first = await extracting(inference);
    const controller = new AbortController();
    const { signal } = controller;
    const second = encode(inference, 'steps 1000', { signal, onStep: () => controller.abort() });
    await expect(second).rejects.toBeInstanceOf(CancelledError);
    await encode(inference, 'open');
    expect(pidOf(await first.call)).toBe(inference.pid);
    expect(inference.usage.starts).toBe(1);
  });

  it('loses it with the process when the one on the device has to be killed, and says that it may be tried again', async () => {
    const inference = start({ cancelGraceMs: 50 });
    const first = await extracting(inference);
    const lost = thrownBy(first.call);
    const controller = new AbortController();
    const { signal } = controller;
    const second = encode(inference, 'block 60000', { signal, onStep: () => controller.abort() });
    await expect(second).rejects.toBeInstanceOf(CancelledError);
    expect(await lost).toBeInstanceOf(RetryableError);
    expect(await lost).toMatchObject({ code: 'INFERENCE_CRASHED' });
  });

  it('makes retryable errors of both when the process crashes', async () => {
    const inference = start();
    for (const crash of ['exit 3', 'abort', 'uncaught', 'print last words']) {
      const first = await extracting(inference);
      const errors = await Promise.all([thrownBy(first.call), thrownBy(encode(inference, crash))]);
      for (const error of errors) {
        expect(error, crash).toBeInstanceOf(RetryableError);
        expect(error).toMatchObject({ code: 'INFERENCE_CRASHED' });
      }
    }
    const first = await extracting(inference);
    const lost = thrownBy(first.call);
    process.kill(inference.pid as number, 'SIGKILL');
    expect(await lost, 'alone').toMatchObject({ code: 'INFERENCE_CRASHED', message: expect.stringMatching(/SIGKILL/) });
  });

  it('says of the one on the device alone that memory ran out', async () => {
    const inference = start();
    const first = await extracting(inference);
    const words = 'print FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory';
    const [beside, on] = await Promise.all([thrownBy(first.call), thrownBy(encode(inference, words))]);
    expect(on).toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect(beside).toMatchObject({ code: 'INFERENCE_CRASHED', cause: on });
  });

  it('is not idle before the last call ended', async () => {
    const idleMs = 54_321;
    const timers = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => timers.mockRestore());
    const begun = () => timers.mock.calls.filter(([, delay]) => delay === idleMs).length;
    const inference = start({ idleMs });
    const first = await extracting(inference);
    await encode(inference, 'a');
    await encode(inference, 'open').then(() => first.call);
    expect(begun()).toBe(1);
    await encode(inference, 'b');
    expect(begun()).toBe(2);
  });
});
