import { describe, expect, it } from 'vitest';
import { GOLDEN_MODEL } from '../../test/support/golden-case.ts';
import { randomValues, randomVoxels } from '../../test/support/random-voxels.ts';
import { ModelRepository } from '../repository/index.ts';
import { MeshDecoder } from './slat-mesh-decoder.ts';

async function opened(whole: boolean) {
  const { config, weightsPath } = (await ModelRepository.open(GOLDEN_MODEL)).networks.meshDecoder;
  const decoder = await MeshDecoder.open(config, weightsPath, { device: 'cpu', threads: 1, whole });
  const decode = async (rows: number, seed: number) => {
    const slat = randomValues(rows * config.latent_channels, seed);
    return (await decoder.decode(randomVoxels(rows, 4, seed), slat)).features;
  };
  return { decoder, decode };
}

describe("the mesh decoder's cells", () => {
  for (const whole of [true, false]) {
    it(`are the caller's until they are given back, then empty, ${whole ? 'as one graph' : 'in portions'}`, async () => {
      const { decoder, decode } = await opened(whole);
      const expected = (await decode(5, 1)).slice();
      const held = await decode(5, 1);
      decoder.giveBack(await decode(5, 2));
      const other = await decode(5, 3);
      expect(held).toEqual(expected);
      expect(other).not.toEqual(expected);
      decoder.giveBack(held);
      expect(held.length).toBe(0);
      expect(await decode(5, 1)).toEqual(expected);
      expect(await decode(5, 3)).toEqual(other);
      await decoder.release();
    });
  }

  it('of one graph stand in memory that was given back, also where fewer are wanted', async () => {
    const { decoder, decode } = await opened(true);
    const large = await decode(6, 1);
    const { byteLength } = large.buffer;
    const expected = (await decode(2, 2)).slice();
    decoder.giveBack(large);
    const small = await decode(2, 2);
    expect(small).toEqual(expected);
    expect([small.byteOffset, small.buffer.byteLength]).toEqual([0, byteLength]);
    await decoder.release();
  });
});
