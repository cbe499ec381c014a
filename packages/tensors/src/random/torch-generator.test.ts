import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SafetensorsFile } from '../safetensors/file.ts';
import { TorchGenerator } from './torch-generator.ts';

/** What PyTorch's own code paths differ by, twice: the tolerance of the reference data's README. */
const TOLERANCE = 4e-6;

let golden: SafetensorsFile;
beforeAll(async () => {
  golden = await SafetensorsFile.open(
    new URL('../../../trellis/test/goldens/cases/randn.safetensors', import.meta.url).pathname,
  );
});
afterAll(() => golden.close());

async function expectClose(actual: Float32Array, key: string): Promise<void> {
  const expected = await golden.readFloat32(key);
  expect(actual.length, key).toBe(expected.data.length);
  const error = actual.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (expected.data[i] as number))), 0);
  expect(error, key).toBeLessThanOrEqual(TOLERANCE);
}

describe('TorchGenerator against torch', () => {
  it('draws the same uniforms, bit by bit', async () => {
    expect(new TorchGenerator(42).rand(32)).toEqual((await golden.read('rand42')).data);
  });

  it('draws two long runs from one stream, the second no multiple of 16', async () => {
    const generator = new TorchGenerator(42);
    await expectClose(generator.randn(8 ** 4), 'full42.a');
    await expectClose(generator.randn(777 * 8), 'full42.b');
  });

  it.each([0, 42, 4294967295])('draws the noise of a full-size job, seed %i', async (seed) => {
    const generator = new TorchGenerator(seed);
    for (const [key, count] of [
      ['a', 8 * 16 ** 3],
      ['b', 1003 * 8],
    ] as const) {
      const values = generator.randn(count);
      await expectClose(values.subarray(0, 64), `s${seed}.${key}.first`);
      await expectClose(values.subarray(-64), `s${seed}.${key}.last`);
      const sum = (await golden.read(`s${seed}.${key}.sum`)).data[0] as number;
      expect(Math.abs(values.reduce((total, value) => total + value, 0) - sum)).toBeLessThan(count * TOLERANCE);
    }
  });

  it('draws short runs with the carried value living on across long ones', async () => {
    const generator = new TorchGenerator(42);
    for (const [i, count] of [7, 5, 16, 7, 17, 3].entries()) {
      await expectClose(generator.randn(count), `short42.${i}`);
    }
  });

  it('takes the low 32 bits of a seed', async () => {
    await expectClose(new TorchGenerator(42 + 2 ** 32).randn(16), 'wrap42');
    await expectClose(new TorchGenerator(42n + 2n ** 64n).randn(16), 'wrap42');
    expect(new TorchGenerator(-1).rand(4)).toEqual(new TorchGenerator(0xffffffff).rand(4));
  });
});

describe('TorchGenerator state', () => {
  it.each([0, 1, 7, 15, 16, 17, 311, 312, 313, 623, 624, 625, 40968])(
    'goes on after %i draws as if never stopped',
    (count) => {
      const generator = new TorchGenerator(7);
      generator.randn(count);
      const saved = JSON.stringify(generator.state());
      expect(saved.length).toBeLessThan(120);
      const resumed = TorchGenerator.restore(JSON.parse(saved));
      for (const next of [5, 20, 3, 1000]) {
        expect(resumed.randn(next)).toEqual(generator.randn(next));
      }
      expect(resumed.state()).toEqual(generator.state());
    },
  );

  it.each([
    [{ algorithm: 'pcg64', seed: 1, position: 0 }, /algorithm/],
    [{ algorithm: 'torch-cpu-mt19937', seed: 1, position: 1e300 }, /position/],
    [{ algorithm: 'torch-cpu-mt19937', seed: -1, position: 0 }, /seed/],
    [{ algorithm: 'torch-cpu-mt19937', seed: 1, position: 0, carried: 'x' }, /carried/],
    [null, /state/],
  ])('refuses %j', (state, message) => {
    expect(() => TorchGenerator.restore(state)).toThrow(message);
  });

  it('refuses seeds that are no integers', () => {
    expect(() => new TorchGenerator(1.5)).toThrow(/seed.*1\.5/);
    expect(() => new TorchGenerator(Number.NaN)).toThrow(/seed/);
  });
});
