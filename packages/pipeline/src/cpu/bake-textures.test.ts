import { CancelledError, silentLogger } from '@espalier/contracts';
import { extractSurface, type Gaussians, simplify } from '@espalier/geometry';
import { floatToHalf } from '@espalier/tensors';
import { describe, expect, it, onTestFinished } from 'vitest';
import { gaussiansOn } from '../../../geometry/test/gaussians.ts';
import { sphere, voxelize } from '../../../geometry/test/shapes.ts';
import { bakeTextures } from './bake-textures.ts';
import { CpuPool } from './cpu-pool.ts';
import type { PackedGaussians } from './packed-gaussians.ts';

const color = (x: number, y: number, z: number) => [0.5 + x, 0.5 - y, 0.5 + 0.4 * Math.sin(9 * z)] as const;
const clean = extractSurface(voxelize(sphere(0.4), { resolution: 32, color }));
const { mesh } = await simplify(clean, { simplify: 0.8 });
const gaussians = pack(gaussiansOn(clean, 10_000, color, 0.01));

function pack({ positions, sh0, scales, rotations, opacities }: Gaussians): PackedGaussians {
  const half = floatToHalf;
  return {
    positions,
    sh0: half(sh0),
    scales: half(scales),
    rotations: half(rotations),
    opacities: half(opacities),
  };
}

function open(size: number): CpuPool {
  const pool = new CpuPool({ size, logger: silentLogger });
  onTestFinished(() => pool.close());
  return pool;
}

// Threads start slowly on a busy machine.
describe('bakeTextures', { timeout: 240_000 }, () => {
  it('gives the same bytes on one thread and on four', async () => {
    const input = { mesh, clean, gaussians, textureSize: 128 };
    const [one, four] = [await bakeTextures(open(1), input), await bakeTextures(open(4), input)];
    expect(Buffer.compare(one.baseColor.data, four.baseColor.data)).toBe(0);
    expect(Buffer.compare(one.normalMap.data, four.normalMap.data)).toBe(0);
    expect(one).toEqual(four);
    const plain = await bakeTextures(open(2), { mesh, clean, textureSize: 128 });
    expect(Buffer.compare(plain.baseColor.data, one.baseColor.data)).not.toBe(0);
    expect(plain.normalMap).toEqual(one.normalMap);
  });

  it('tells growing shares up to one', async () => {
    const shares: number[] = [];
    await bakeTextures(open(2), { mesh, clean, textureSize: 128 }, { onProgress: (share) => shares.push(share) });
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
    expect(shares.length).toBeGreaterThan(4);
  });

  it('ends at once when cancelled, and the pool goes on', async () => {
    const pool = open(2);
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: (share: number) => share > 0.4 && controller.abort() };
    const baking = bakeTextures(pool, { mesh, clean, gaussians, textureSize: 512 }, options);
    await expect(baking).rejects.toBeInstanceOf(CancelledError);
    expect((await bakeTextures(pool, { mesh, clean, textureSize: 64 })).baseColor.width).toBe(64);
  });
});
