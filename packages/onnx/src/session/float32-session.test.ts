import { type Logger, silentLogger } from '@espalier/contracts';
import * as ort from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { isKept, PROBE_INPUT, PROBE_OUTPUT, PROBE_SHAPE, probeValues } from '../graph/float32-probe.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { Float32Session, type RunnableSession } from './float32-session.ts';

/** As TF32 takes factors: ten bits of a fraction, rounded to the nearest. */
function toTf32(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.slice().buffer);
  return new Float32Array(bits.map((word) => (word + 0x1000) & ~0x1fff).buffer);
}

describe('the probe', () => {
  it('comes out of a model as it went in, beside what the model gives', async () => {
    const g = new GraphBuilder({ name: 'doubled' });
    const x = g.input('x', 'float32', ['N']);
    g.output('y', g.add(x, x));
    const session = await ort.InferenceSession.create(g.build().encode('constant', 'cpu', true));
    const results = await session.run({
      x: new ort.Tensor('float32', [1, 2], [2]),
      [PROBE_INPUT]: new ort.Tensor('float32', probeValues(), PROBE_SHAPE),
    });
    expect(results.y?.data).toEqual(Float32Array.of(2, 4));
    expect(isKept((results[PROBE_OUTPUT] as ort.Tensor).data as Float32Array)).toBe(true);
    await session.release();
  });

  it('tells values that were rounded to TF32, and values that are not there', () => {
    expect(isKept(probeValues())).toBe(true);
    expect(isKept(toTf32(probeValues()))).toBe(false);
    expect(isKept(probeValues().with(-1, 1))).toBe(false);
    expect(isKept(new Float32Array())).toBe(false);
  });

  it('is in no model that was not asked for it', () => {
    const g = new GraphBuilder({ name: 'plain' });
    g.output('y', g.silu(g.input('x', 'float32', ['N'])));
    const text = new TextDecoder().decode(g.build().encode('constant', 'cuda'));
    expect(text).not.toContain(PROBE_INPUT);
  });
});

describe('Float32Session', () => {
  /** Sessions that give their number, of which the first `rounding` round the probe. */
  function sessions(rounding: number) {
    const opened: { runs: Record<string, unknown>[]; released: number }[] = [];
    const open = async (): Promise<RunnableSession> => {
      const number = opened.length;
      const seen = { runs: [] as Record<string, unknown>[], released: 0 };
      opened.push(seen);
      return {
        run: async (feeds, fetches) => {
          seen.runs.push(fetches);
          const probe = (feeds[PROBE_INPUT] as ort.Tensor).data as Float32Array;
          const out = number < rounding ? toTf32(probe) : probe;
          const results = { y: new ort.Tensor('float32', [number], [1]) };
          return PROBE_OUTPUT in fetches
            ? { ...results, [PROBE_OUTPUT]: new ort.Tensor('float32', out, PROBE_SHAPE) }
            : results;
        },
        release: async () => {
          seen.released++;
        },
      };
    };
    return { opened, open };
  }
  const numberOf = (results: Readonly<Record<string, ort.OnnxValue>>) => (results.y as ort.Tensor).data[0];

  it('asks for the probe in the first run alone', async () => {
    const { opened, open } = sessions(0);
    const session = await Float32Session.open(open, silentLogger);
    for (let i = 0; i < 3; i++) expect(numberOf(await session.run({}, { y: null }))).toBe(0);
    expect(opened.map(({ runs }) => runs)).toEqual([[{ y: null, [PROBE_OUTPUT]: null }, { y: null }, { y: null }]]);
    await session.release();
    expect(opened[0]?.released).toBe(1);
  });

  it('opens another session for one that rounds, says so, and gives what the other one gave', async () => {
    const { opened, open } = sessions(2);
    const warn = vi.fn();
    const logger: Logger = { ...silentLogger, warn };
    const session = await Float32Session.open(open, logger);
    expect(numberOf(await session.run({}, { y: null }))).toBe(2);
    expect(numberOf(await session.run({}, { y: null }))).toBe(2);
    expect(opened.map(({ released }) => released)).toEqual([1, 1, 0]);
    expect(warn).toHaveBeenCalledTimes(2);
  });

  it('takes what it gets where every session rounds', async () => {
    const { opened, open } = sessions(100);
    const session = await Float32Session.open(open, silentLogger);
    expect(numberOf(await session.run({}, { y: null }))).toBe(4);
    expect(numberOf(await session.run({}, { y: null }))).toBe(4);
    expect(opened).toHaveLength(5);
  });

  it('lets errors of a run through', async () => {
    const run = () => Promise.reject(new Error('CUDA failure 2: out of memory'));
    const session = await Float32Session.open(async () => ({ run, release: async () => {} }), silentLogger);
    await expect(session.run({}, { y: null })).rejects.toThrow('out of memory');
  });
});
