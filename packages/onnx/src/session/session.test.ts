import { silentLogger } from '@espalier/contracts';
import { float32, floatToHalf, int32, type Tensor } from '@espalier/tensors';
import { describe, expect, it, vi } from 'vitest';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { devicesFor, isCudaInstalled } from './device.ts';
import { runError } from './run-error.ts';
import { openOnFirst, openSession } from './session.ts';
import { MAPPED_WEIGHT_BYTES, sessionOptions } from './session-options.ts';

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

describe('session options', () => {
  const graph = sumGraph();
  it('repacks small weights and leaves large ones mapped', () => {
    const small = sessionOptions({ ...graph, weightBytes: MAPPED_WEIGHT_BYTES - 1 }, 'cpu', 2);
    const large = sessionOptions({ ...graph, weightBytes: MAPPED_WEIGHT_BYTES }, 'cpu', 2);
    expect(JSON.stringify(small)).not.toContain('disable_prepacking');
    expect(large.extra).toMatchObject({ session: { disable_prepacking: '1' } });
    expect(sessionOptions({ ...graph, weightBytes: MAPPED_WEIGHT_BYTES }, 'cuda', 2).executionProviders).toEqual([
      'cuda',
      'cpu',
    ]);
  });
});

describe('errors of a run', () => {
  it('tells memory from the rest, on either device', () => {
    expect(runError('g', 'cuda', new Error('CUDA failure 2: out of memory'))).toMatchObject({
      code: 'GPU_OUT_OF_MEMORY',
      message: 'GPU out of memory. Try a simpler prompt or lower texture_size.',
    });
    expect(runError('g', 'cuda', new Error('CUBLAS_STATUS_ALLOC_FAILED'))).toMatchObject({ code: 'GPU_OUT_OF_MEMORY' });
    expect(runError('g', 'cpu', new Error('std::bad_alloc'))).toMatchObject({
      name: 'RetryableError',
      code: 'OUT_OF_MEMORY',
    });
    expect(runError('g', 'cpu', 'odd')).toMatchObject({ code: 'INFERENCE_FAILED', message: 'graph g: odd' });
  });
});
