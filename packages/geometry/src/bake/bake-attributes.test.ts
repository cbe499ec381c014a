import { describe, expect, it } from 'vitest';
import { sphere, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { simplify } from '../surface/simplify.ts';
import { unwrap } from '../unwrap/unwrap.ts';
import { bakeAttributes, texelPoint } from './bake-attributes.ts';
import { dilate } from './dilate.ts';
import { mapTexels } from './texel-map.ts';

const color = (x: number, y: number, z: number) => [0.5 + x, 0.5 - y, 0.5 + 0.4 * Math.sin(9 * z)] as const;
const raw = extractSurface(voxelize(sphere(0.4), { resolution: 48, color }));

describe('bakeAttributes', () => {
  it('gives each texel the colour of the source at its place, also where faces are few', async () => {
    const { mesh } = await simplify(raw, { simplify: 0.97 });
    const { mesh: target } = await unwrap(mesh, { textureSize: 256, maxXatlasFaces: 0 });
    const image = bakeAttributes({ target, source: raw, textureSize: 256 });
    const texels = mapTexels(target, 256);
    const point = new Float64Array(3);
    let largest = 0;
    for (let texel = 0; texel < texels.face.length; texel++) {
      if ((texels.face[texel] as number) < 0) continue;
      texelPoint(target, texels, texel, point);
      const radius = Math.hypot(...point) / 0.4;
      const expected = color(...(Array.from(point, (v) => v / radius) as [number, number, number]));
      for (let c = 0; c < 3; c++) {
        largest = Math.max(largest, Math.abs((image.data[texel * 3 + c] as number) / 255 - (expected[c] as number)));
      }
    }
    expect(largest).toBeLessThan(0.05);
  });

  it('leaves no texel empty and continues charts beyond their rim', async () => {
    const { mesh: target } = await unwrap(raw, { textureSize: 128, maxXatlasFaces: 0 });
    const white = { ...raw, attributes: raw.attributes.map(() => 1) };
    const image = bakeAttributes({ target, source: white, textureSize: 128 });
    expect(image.data.every((value) => value === 255)).toBe(true);
  });
});

describe('mapTexels', () => {
  it('refuses a size that is no size', () => {
    expect(() =>
      mapTexels(
        { positions: raw.positions, indices: raw.indices, uvs: new Float32Array(0), source: new Uint32Array(0) },
        0,
      ),
    ).toThrow(expect.objectContaining({ code: 'TEXTURE_SIZE_INVALID' }));
  });
});

describe('dilate', () => {
  it('gives every texel the value of a nearest filled one', () => {
    const data = new Uint8Array(25);
    const filled = new Uint8Array(25);
    [data[0], filled[0], data[24], filled[24]] = [10, 1, 20, 1];
    dilate(data, 1, 5, filled);
    expect([data[1], data[6], data[23], data[18]]).toEqual([10, 10, 20, 20]);
    expect(data.every((value) => value > 0)).toBe(true);
  });

  it('leaves an image without any filled texel as it is', () => {
    const data = new Uint8Array(4);
    dilate(data, 1, 2, new Uint8Array(4));
    expect(Array.from(data)).toEqual([0, 0, 0, 0]);
  });
});
