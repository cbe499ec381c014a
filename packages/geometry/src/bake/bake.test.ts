import { CancelledError } from '@espalier/contracts';
import { describe, expect, it } from 'vitest';
import { gaussiansOn } from '../../test/gaussians.ts';
import { sphere, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import type { RawMesh } from '../mesh/mesh.ts';
import { shareArrays } from '../shared-arrays.ts';
import { gaussianParts } from '../spatial/gaussian-parts.ts';
import { simplify } from '../surface/simplify.ts';
import { unwrap } from '../unwrap/unwrap.ts';
import { bake, bakeBand, bandCount, spreadTexels } from './bake.ts';
import { type BakePlan, bakeDetail, bakeTarget, emptyTexels } from './bake-plan.ts';
import { texelPoint } from './bake-surface-rows.ts';
import { dilate } from './dilate.ts';
import { mapTexels } from './texel-map.ts';

const color = (x: number, y: number, z: number) => [0.5 + x, 0.5 - y, 0.5 + 0.4 * Math.sin(9 * z)] as const;
const raw = extractSurface(voxelize(sphere(0.4), { resolution: 48, color }));

async function plan(mesh: RawMesh, source: RawMesh, textureSize: number): Promise<BakePlan> {
  const { mesh: unwrapped } = await unwrap(mesh, { textureSize, maxXatlasFaces: 0 });
  return { target: bakeTarget(mesh, unwrapped, textureSize), detail: bakeDetail(source) };
}

describe('bake from vertex colours', () => {
  it('gives each texel the colour of the source at its place, also where faces are few', async () => {
    const { mesh } = await simplify(raw, { simplify: 0.97 });
    const { target, detail } = await plan(mesh, raw, 256);
    const { baseColor } = bake({ target, detail });
    const point = new Float64Array(3);
    let largest = 0;
    for (let texel = 0; texel < target.texels.face.length; texel++) {
      if ((target.texels.face[texel] as number) < 0) continue;
      texelPoint(target.mesh, target.texels, texel, point);
      const radius = Math.hypot(...point) / 0.4;
      const expected = color(...(Array.from(point, (v) => v / radius) as [number, number, number]));
      for (let c = 0; c < 3; c++) {
        largest = Math.max(
          largest,
          Math.abs((baseColor.data[texel * 3 + c] as number) / 255 - (expected[c] as number)),
        );
      }
    }
    expect(largest).toBeLessThan(0.05);
  });

  it('leaves no texel empty and continues charts beyond their rim', async () => {
    const white = { ...raw, attributes: raw.attributes.map(() => 1) };
    const { baseColor } = bake(await plan(raw, white, 128));
    expect(baseColor.data.every((value) => value === 255)).toBe(true);
  });

  it('stops when cancelled', async () => {
    const controller = new AbortController();
    const onProgress = (share: number) => share > 0.3 && controller.abort();
    const baking = plan(raw, raw, 128).then((all) => bake(all, { signal: controller.signal, onProgress }));
    await expect(baking).rejects.toThrow(CancelledError);
  });
});

describe('bake by bands', () => {
  it('gives the same bytes in any order of bands, shared among any number of threads', async () => {
    const { mesh } = await simplify(raw, { simplify: 0.9 });
    const whole = {
      ...(await plan(mesh, raw, 144)),
      gaussians: gaussianParts(gaussiansOn(raw, 20_000, color, 0.008)),
    };
    const expected = bake(whole);
    // What threads see of it.
    const seen = structuredClone(shareArrays(whole));
    const out = emptyTexels(144, true);
    const bands = Array.from({ length: bandCount(seen) }, (_, band) => band);
    expect(bands.length).toBe(9);
    for (const band of bands.filter((b) => b % 2 === 1).concat(bands.filter((b) => b % 2 === 0).reverse())) {
      bakeBand(seen, band, out);
    }
    expect(spreadTexels(out, 144)).toEqual(expected);
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
    dilate([data], 1, 5, filled);
    expect([data[1], data[6], data[23], data[18]]).toEqual([10, 10, 20, 20]);
    expect(data.every((value) => value > 0)).toBe(true);
  });

  it('leaves an image without any filled texel as it is', () => {
    const data = new Uint8Array(4);
    dilate([data], 1, 2, new Uint8Array(4));
    expect(Array.from(data)).toEqual([0, 0, 0, 0]);
  });
});
