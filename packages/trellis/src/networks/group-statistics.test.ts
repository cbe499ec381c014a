import { describe, expect, it } from 'vitest';
import { randomValues } from '../../test/support/random-voxels.ts';
import { GroupStatistics } from './group-statistics.ts';

describe('GroupStatistics', () => {
  for (const [what, channels, rows, mean] of [
    ['one channel a group', 32, 50, 0],
    ['several channels a group', 96, 40, 0.5],
    ['values far from zero', 64, 300, 1e4],
    ['a single row', 64, 1, 0],
  ] as const) {
    it(`is the group norm of torch: ${what}`, () => {
      // Every channel has a level of its own, so that groups are not just their channels' mean.
      const x = randomValues(rows * channels, rows).map((value, i) => value + mean + 3 * Math.sin(i % channels));
      const weight = randomValues(channels, 1);
      const bias = randomValues(channels, 2);
      const statistics = new GroupStatistics(channels);
      const cut = Math.floor(rows / 3) * channels;
      if (cut > 0) statistics.add(x.subarray(0, cut));
      statistics.add(x.subarray(cut));
      const { scale, shift } = statistics.norm(weight, bias);
      const width = channels / 32;
      for (let group = 0; group < 32; group++) {
        const values = [...x].filter((_, i) => Math.floor((i % channels) / width) === group);
        const average = values.reduce((sum, value) => sum + value, 0) / values.length;
        const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length;
        const inverse = 1 / Math.sqrt(variance + 1e-5);
        for (let channel = group * width; channel < (group + 1) * width; channel++) {
          const gain = (weight[channel] as number) * inverse;
          expect(scale[channel]).toBeCloseTo(gain, Math.abs(gain) > 10 ? 3 : 5);
          const offset = (bias[channel] as number) - average * gain;
          expect(Math.abs((shift[channel] as number) - offset)).toBeLessThan(2e-7 * Math.max(1, Math.abs(offset)));
        }
      }
    });
  }
});
