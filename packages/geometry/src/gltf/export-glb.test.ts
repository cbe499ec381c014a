import { GLB_GEOMETRIES, GLB_TEXTURES } from '@espalier/contracts';
import { WebIO } from '@gltf-transform/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readGolden } from '../../test/goldens.ts';
import { sphere, voxelize } from '../../test/shapes.ts';
import { bake } from '../bake/bake.ts';
import { bakeDetail, bakeTarget } from '../bake/bake-plan.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import type { RawMesh } from '../mesh/mesh.ts';
import { unwrap } from '../unwrap/unwrap.ts';
import { describeAsset } from './asset-stats.ts';
import { exportGlb } from './export-glb.ts';
import type { TexturedMesh } from './textured-mesh.ts';
import { validateGlb } from './validate-glb.ts';

/** With a normal map, and so with tangents. */
async function texture(raw: RawMesh, textureSize: number): Promise<TexturedMesh> {
  const { mesh } = await unwrap(raw, { textureSize, maxXatlasFaces: 0 });
  const target = bakeTarget(raw, mesh, textureSize);
  const { normals, tangents } = target;
  return { ...mesh, normals, tangents, ...bake({ target, detail: bakeDetail(raw) }) };
}

const golden = () => extractSurface(readGolden('flexicubes_torus32').voxels);

const orange = extractSurface(voxelize(sphere(0.3, [0, 0, 0.1]), { resolution: 24, color: () => [1, 0.502, 0.251] }));

describe('exportGlb', () => {
  const variants = GLB_TEXTURES.flatMap((texture) => GLB_GEOMETRIES.map((geometry) => ({ texture, geometry })));
  it.each(variants)('writes $texture and $geometry geometry that the Khronos validator passes', async (variant) => {
    const mesh = await texture(golden(), 128);
    const [one, two] = [await exportGlb({ mesh, ...variant }), await exportGlb({ mesh, ...variant })];
    expect(await validateGlb(one)).toMatchObject({ errors: 0, warnings: 0 });
    expect(Buffer.compare(one, two)).toBe(0);
  });

  it.each(['quantized', 'meshopt'] as const)(
    'writes %s geometry with a normal map, smaller and valid',
    async (geometry) => {
      const mesh = await texture(golden(), 128);
      const [plain, small] = [await exportGlb({ mesh }), await exportGlb({ mesh, geometry })];
      expect(await validateGlb(plain)).toMatchObject({ errors: 0, warnings: 0 });
      expect(await validateGlb(small)).toMatchObject({ errors: 0, warnings: 0 });
      const geometryBytes = (glb: Uint8Array) => describeAsset(golden(), mesh, 128, glb).bytes.geometry;
      expect(geometryBytes(small)).toBeLessThan(geometryBytes(plain) * 0.7);
    },
  );

  it('turns z up into y up and keeps what the caller says of its origin', async () => {
    const glb = await exportGlb({ mesh: await texture(orange, 64), extras: { seed: 42, prompt_sha256: 'ab' } });
    const document = await new WebIO().readBinary(glb);
    expect(document.getRoot().getAsset()).toMatchObject({
      version: '2.0',
      extras: { seed: 42, prompt_sha256: 'ab' },
    });
    const position = document.getRoot().listMeshes()[0]?.listPrimitives()[0]?.getAttribute('POSITION');
    const [min, max] = [position?.getMin([]) as number[], position?.getMax([]) as number[]];
    expect(((min[1] as number) + (max[1] as number)) / 2).toBeCloseTo(0.1, 3);
    expect(((min[2] as number) + (max[2] as number)) / 2).toBeCloseTo(0, 3);
  });

  it('has one material, rough and not metallic, whose texture holds the sRGB colours', async () => {
    const document = await new WebIO().readBinary(await exportGlb({ mesh: await texture(orange, 64) }));
    const [material, ...others] = document.getRoot().listMaterials();
    expect(others).toEqual([]);
    expect([material?.getRoughnessFactor(), material?.getMetallicFactor()]).toEqual([1, 0]);
    const image = sharp(material?.getBaseColorTexture()?.getImage() as Uint8Array);
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([64, 64, 3]);
    for (let i = 0; i < data.length; i += 3) expect([data[i], data[i + 1], data[i + 2]]).toEqual([255, 128, 64]);
  });

  it('gives the same bytes for the same input', async () => {
    const [one, two] = [await texture(golden(), 128), await texture(golden(), 128)];
    expect(Buffer.from(await exportGlb({ mesh: one })).equals(Buffer.from(await exportGlb({ mesh: two })))).toBe(true);
  });

  it('refuses a mesh without faces', async () => {
    const mesh = { ...(await texture(orange, 64)), indices: new Uint32Array(0) };
    await expect(exportGlb({ mesh })).rejects.toMatchObject({ code: 'MESH_EMPTY' });
  });
});

describe('validateGlb', () => {
  it('reports what is no glTF as an error', async () => {
    expect(await validateGlb(new Uint8Array(40))).toMatchObject({ errors: 1 });
  });

  it('finds an index beyond the vertices', async () => {
    const mesh = await texture(orange, 64);
    const indices = mesh.indices.slice();
    indices[0] = mesh.positions.length;
    const report = await validateGlb(await exportGlb({ mesh: { ...mesh, indices } }));
    expect(report.errors).toBeGreaterThan(0);
    expect(report.messages[0]?.code).toBe('ACCESSOR_INDEX_OOB');
  });
});

describe('describeAsset', () => {
  it('tells the surface, the use of the texture and the bytes', async () => {
    const mesh = await texture(orange, 256);
    const glb = await exportGlb({ mesh });
    const stats = describeAsset(orange, mesh, 256, glb);
    expect(stats).toMatchObject({ watertight: true, manifold: true, components: 1, boundaryEdges: 0 });
    expect(stats.vertices).toBe(mesh.positions.length / 3);
    expect(stats.volume).toBeCloseTo((4 / 3) * Math.PI * 0.3 ** 3, 2);
    expect(stats.uvCoverage).toBeGreaterThan(0.3);
    expect(stats.uvOverlap).toBeLessThan(0.02);
    expect(stats.texelsPerUnit).toBeCloseTo(Math.sqrt((stats.uvCoverage * 256 * 256) / stats.area), 1);
    expect(stats.bytes.total).toBe(glb.length);
    expect(stats.bytes.images).toBeGreaterThan(0);
    expect(stats.bytes.geometry).toBeGreaterThan(stats.vertices * 32);
  });
});
