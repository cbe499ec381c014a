import { float32, type Tensor } from '@espalier/tensors';
import { describe, expect, it } from 'vitest';
import { velocitiesOf } from './guided-velocities.ts';

const conditions = [float32([1, 2, 1], Float32Array.of(1, 2)), float32([1, 2, 1], Float32Array.of(30, 40))];

/** Velocities of two values: the sum of each condition's and their product. */
function network() {
  const asked: Tensor<Float32Array>[] = [];
  const run = async (cond: Tensor<Float32Array>) => {
    asked.push(cond);
    const [count = 0] = cond.shape;
    const out = Array.from({ length: count }, (_, i) => {
      const [a = 0, b = 0] = cond.data.subarray(2 * i);
      return [a + b, a * b];
    });
    return { out: float32([count, 2], Float32Array.from(out.flat())) };
  };
  return { asked, run };
}

describe('velocities of several conditions', () => {
  it('are asked for at once on a GPU, one by one on the CPU, and are the same in their order', async () => {
    for (const [device, shapes] of [
      ['cuda', [[2, 2, 1]]],
      [
        'cpu',
        [
          [1, 2, 1],
          [1, 2, 1],
        ],
      ],
    ] as const) {
      const { asked, run } = network();
      const velocities = await velocitiesOf(conditions, device, run);
      expect(velocities, device).toEqual([Float32Array.of(3, 2), Float32Array.of(70, 1200)]);
      expect(
        asked.map(({ shape }) => shape),
        device,
      ).toEqual(shapes);
    }
  });

  it('of one condition are one, of no more than its shape says', async () => {
    for (const device of ['cuda', 'cpu'] as const) {
      const { asked, run } = network();
      expect(await velocitiesOf(conditions.slice(1), device, run)).toEqual([Float32Array.of(70, 1200)]);
      expect(asked.map(({ shape, data }) => [shape, data])).toEqual([[[1, 2, 1], Float32Array.of(30, 40)]]);
    }
  });
});
