import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@espalier/contracts';
import { float32, floatToHalf, int32, type Tensor, writeSafetensors } from '@espalier/tensors';
import { describe, expect, it, vi } from 'vitest';
import { Checkpoint } from '../checkpoint.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { devicesFor, isCudaInstalled, isFloat32Exact, keepFloat32Exact } from './device.ts';
import { runError } from './run-error.ts';
import { openOnFirst, openSession } from './session.ts';
import { MAPPED_WEIGHT_BYTES, weightRole } from './session-options.ts';

function sumGraph() {
  const g = new GraphBuilder({ name: 'sum' });
  const a = g.input('a', 'float32', ['N', 2]);
  const b = g.input('b', 'float32', ['N', 2]);
  g.output('y', g.add(a, b));
  return g.build();
}

const pair = (...values: number[]) => float32([values.length / 2, 2], Float32Array.from(values));

describe('Session', () => {
  it('runs on views of larger buffers, again and again, with changing extents', async () => {
    const session = await openSession(sumGraph(), { device: 'cpu', threads: 1 });
    expect(session.device).toBe('cpu');
    const buffer = Float32Array.from({ length: 10 }, (_, i) => i);
    const { y } = await session.run({ a: float32([2, 2], buffer.subarray(3, 7)), b: pair(10, 20, 30, 40) });
    expect(y).toEqual(float32([2, 2], Float32Array.of(13, 24, 35, 46)));
    expect((await session.run({ a: pair(1, 2), b: pair(3, 4) })).y?.shape).toEqual([1, 2]);
    await session.release();
    await expect(session.run({ a: pair(1, 2), b: pair(3, 4) })).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
  });

  it('writes outputs into memory that it is given, again and again, and nowhere beside it', async () => {
    const session = await openSession(sumGraph(), { device: 'cpu', threads: 1 });
    const memory = new Float32Array(8).fill(-1);
    const y = float32([2, 2], memory.subarray(2, 6));
    expect((await session.run({ a: pair(1, 2, 3, 4), b: pair(1, 2, 3, 4) }, { y })).y).toBe(y);
    expect([...memory]).toEqual([-1, -1, 2, 4, 6, 8, -1, -1]);
    const shorter = float32([1, 2], memory.subarray(6));
    await session.run({ a: pair(1, 2), b: pair(4, 5) }, { y: shorter });
    expect([...memory]).toEqual([-1, -1, 2, 4, 6, 8, 5, 7]);
    expect((await session.run({ a: pair(1, 2), b: pair(3, 4) })).y).toEqual(pair(4, 6));
    await session.release();
  });

  it('refuses memory for an output that is not there, or is of another type or shape', async () => {
    const session = await openSession(sumGraph(), { device: 'cpu', threads: 1 });
    const run = (into: Record<string, Tensor>) => session.run({ a: pair(1, 2), b: pair(3, 4) }, into);
    await expect(run({ z: pair(0, 0) })).rejects.toMatchObject({ code: 'INTO_INVALID', field: 'z' });
    const integers = int32([1, 2], new Int32Array(2));
    await expect(run({ y: integers })).rejects.toMatchObject({ code: 'INTO_INVALID', field: 'y' });
    const bent = float32([1, 2], new Float32Array(3));
    await expect(run({ y: bent })).rejects.toMatchObject({ code: 'TENSOR_INVALID', field: 'y' });
    await expect(run({ y: pair(0, 0, 0, 0) })).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    await session.release();
  });

  it('takes and gives every element type', async () => {
    const g = new GraphBuilder({ name: 'types' });
    const tensors: Record<string, Tensor> = {
      float32: float32([2], Float32Array.of(1.5, -2)),
      float16: { dtype: 'F16', shape: [2], data: floatToHalf(Float32Array.of(1.5, -2)) },
      float64: { dtype: 'F64', shape: [2], data: Float64Array.of(Math.PI, -2) },
      int32: int32([2], Int32Array.of(-5, 7)),
      int64: { dtype: 'I64', shape: [2], data: BigInt64Array.of(-(2n ** 40n), 7n) },
      uint8: { dtype: 'U8', shape: [2], data: Uint8Array.of(0, 255) },
      bool: { dtype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) },
    };
    for (const type of Object.keys(tensors)) {
      g.output(`${type} out`, g.input(type, type as 'float32', [2]));
    }
    const session = await openSession(g.build(), { device: 'cpu', threads: 1 });
    const out = await session.run(tensors);
    for (const [type, tensor] of Object.entries(tensors)) {
      expect(out[`${type} out`], type).toEqual(tensor);
    }
    await session.release();
  });

  it('names the input that is missing, unknown, or does not fit', async () => {
    const session = await openSession(sumGraph(), { device: 'cpu', threads: 1 });
    const cases: [Record<string, Tensor>, string, RegExp][] = [
      [{ a: pair(1, 2) }, 'b', /'b' is missing/],
      [{ a: pair(1, 2), b: pair(1, 2), c: pair(1, 2) }, 'c', /'c' is no input; inputs: a, b/],
      [{ a: pair(1, 2), b: int32([1, 2], Int32Array.of(1, 2)) }, 'b', /must be F32, is I32/],
      [{ a: pair(1, 2), b: float32([2], Float32Array.of(1, 2)) }, 'b', /must have shape \[N, 2\].*has \[2\]/],
      [{ a: pair(1, 2), b: pair(1, 2, 3, 4) }, 'b', /\(N = 1\), has \[2, 2\]/],
    ];
    for (const [feeds, field, message] of cases) {
      await expect(session.run(feeds)).rejects.toMatchObject({
        code: 'FEED_INVALID',
        field,
        message: expect.stringMatching(message),
      });
    }
    const bent = { a: pair(1, 2), b: { dtype: 'F32', shape: [1, 2], data: new Float32Array(3) } } as const;
    await expect(session.run(bent)).rejects.toMatchObject({ code: 'TENSOR_INVALID', field: 'b' });
    await session.release();
  });
});

describe('devices', () => {
  it('follows the choice', () => {
    expect(devicesFor('cpu', true)).toEqual(['cpu']);
    expect(devicesFor('cuda', false)).toEqual(['cuda']);
    expect(devicesFor('auto', true)).toEqual(['cuda', 'cpu']);
    expect(devicesFor('auto', false)).toEqual(['cpu']);
  });

  it('has products of float32 on CUDA rounded as float32, unless who starts the process says otherwise', () => {
    const environment: NodeJS.ProcessEnv = {};
    keepFloat32Exact(environment);
    expect(environment).toEqual({ NVIDIA_TF32_OVERRIDE: '0' });
    expect(isFloat32Exact(environment)).toBe(true);
    const own = { NVIDIA_TF32_OVERRIDE: '1' };
    keepFloat32Exact(own);
    expect(own).toEqual({ NVIDIA_TF32_OVERRIDE: '1' });
    expect(isFloat32Exact(own)).toBe(false);
  });

  it.skipIf(isCudaInstalled())('refuses CUDA where it is not, with a remedy', async () => {
    await expect(openSession(sumGraph(), { device: 'cuda' })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      field: 'device',
      remedy: expect.stringContaining('cuDNN'),
    });
  });

  it.skipIf(isCudaInstalled())('falls back from a CUDA that does not load, and says why', async () => {
    const logger = { ...silentLogger, warn: vi.fn(), info: vi.fn() };
    const session = await openOnFirst(sumGraph(), ['cuda', 'cpu'], { threads: 1, logger });
    expect(session.device).toBe('cpu');
    expect(logger.warn).toHaveBeenCalledWith(
      { graph: 'sum', reason: expect.any(String) },
      expect.stringContaining('CUDA cannot be used'),
    );
    await session.release();
    await (await openSession(sumGraph(), { device: 'auto', threads: 1, logger })).release();
    expect(logger.info).toHaveBeenCalledOnce();
  });
});

describe('large weights', () => {
  it('stay mapped on the CPU, small ones are repacked', () => {
    const role = (weightBytes: number, device: 'cpu' | 'cuda', own?: 'mapped' | 'constant') =>
      weightRole({ weightBytes, weightRole: own }, device);
    expect(role(MAPPED_WEIGHT_BYTES - 1, 'cpu')).toBe('constant');
    expect(role(MAPPED_WEIGHT_BYTES, 'cpu')).toBe('mapped');
    expect(role(0, 'cpu', 'mapped')).toBe('mapped');
    expect(role(MAPPED_WEIGHT_BYTES, 'cuda', 'mapped')).toBe('constant');
  });

  it('take no memory while mapped, and give the same results', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mapped-'));
    try {
      const extent = 4096;
      const data = floatToHalf(Float32Array.from({ length: extent ** 2 }, (_, i) => Math.sin(i)));
      const path = join(folder, 'w.safetensors');
      await writeSafetensors(path, { 'a.weight': { dtype: 'F16', shape: [extent, extent], data } });
      const checkpoint = await Checkpoint.open(path);
      const g = new GraphBuilder({ name: 'wide', checkpoint });
      g.output('y', g.linear(g.input('x', 'float32', [1, extent]), 'a', extent, { bias: false }));
      const graph = g.build();
      await checkpoint.close();
      const x = float32([1, extent], new Float32Array(extent).fill(1));
      const results: Tensor[] = [];
      const grown: number[] = [];
      // The same graph on either side of the limit: 32 MiB of weights that are 64 MiB when widened.
      for (const weightBytes of [MAPPED_WEIGHT_BYTES, 0]) {
        const before = process.memoryUsage().rss;
        const session = await openSession({ ...graph, weightBytes }, { device: 'cpu', threads: 1 });
        grown.push((process.memoryUsage().rss - before) / 2 ** 20);
        results.push((await session.run({ x })).y as Tensor);
        await session.release();
      }
      expect(grown[0]).toBeLessThan(16);
      expect(grown[1]).toBeGreaterThan(48);
      const [mapped, constant] = results.map((y) => y.data as Float32Array) as [Float32Array, Float32Array];
      for (const i of mapped.keys()) expect(mapped[i]).toBeCloseTo(constant[i] as number, 2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('errors of a run', () => {
  it('tells memory from the rest, on either device', () => {
    expect(runError('g', 'cuda', new Error('CUDA failure 2: out of memory'))).toMatchObject({
      code: 'GPU_OUT_OF_MEMORY',
      message: 'GPU out of memory. Try a simpler prompt or lower texture_size.',
    });
    for (const said of ['CUBLAS_STATUS_ALLOC_FAILED', 'CUBLAS failure 3: the resource allocation failed ; GPU=0']) {
      expect(runError('g', 'cuda', new Error(said))).toMatchObject({ code: 'GPU_OUT_OF_MEMORY' });
    }
    expect(
      runError('g', 'cuda', new Error('Available memory of 0 is smaller than requested bytes of 52428800')),
    ).toMatchObject({ code: 'GPU_OUT_OF_MEMORY' });
    expect(runError('g', 'cpu', new Error('std::bad_alloc'))).toMatchObject({
      name: 'RetryableError',
      code: 'OUT_OF_MEMORY',
    });
    expect(runError('g', 'cpu', 'odd')).toMatchObject({ code: 'INFERENCE_FAILED', message: 'graph g: odd' });
  });
});
