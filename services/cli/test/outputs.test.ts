/** Every output that a job can ask for, from the real program: each file is opened again and held against `model.glb`. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  DEFAULT_OUTPUTS,
  GLB_VARIANTS,
  type GlbOutput,
  JobStatsSchema,
  OUTPUTS,
  outputFiles,
  STAGES,
} from '@espalier/contracts';
import { WebIO } from '@gltf-transform/core';
import { ALL_EXTENSIONS } from '@gltf-transform/extensions';
import validator from 'gltf-validator';
import { MeshoptDecoder } from 'meshoptimizer';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeKtx2 } from '../../../packages/geometry/test/decode-ktx2.ts';
import { readSpz } from '../../../packages/geometry/test/read-spz.ts';
import type { Generated } from '../src/commands/generate.ts';
import { temporaryFolder } from './capture-io.ts';
import { espalier } from './espalier-process.ts';
import { facesFoundAgain, facesOf, type GlbFaces } from './glb-faces.ts';

const MODEL = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));
const SLOW = 300_000;
const SIZE = 128;
const CHEST = ['generate', 'A wooden treasure chest', '--seed', '42', '--texture-size', String(SIZE), '--json'];
const OTHERS = OUTPUTS.filter((output) => !DEFAULT_OUTPUTS.includes(output));
const GLBS = Object.keys(GLB_VARIANTS) as GlbOutput[];

let folder: string;
let made: Generated;
let io: WebIO;
let plain: GlbFaces;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-outputs-'));
  made = await generate('all', '--outputs', OTHERS.filter((output) => output !== 'turntable').join(), '--turntable');
  await MeshoptDecoder.ready;
  io = new WebIO().registerExtensions(ALL_EXTENSIONS).registerDependencies({ 'meshopt.decoder': MeshoptDecoder });
  plain = facesOf(await open('model.glb'));
}, SLOW);
afterAll(() => rm(folder, { recursive: true, force: true }));

async function generate(out: string, ...options: string[]): Promise<Generated> {
  return generated(await espalier([...CHEST, '--model', MODEL, '--store', 'bucket', '--out', out, ...options], folder));
}

function generated({ stdout, stderr }: Awaited<ReturnType<typeof espalier>>): Generated {
  const parsed = JSON.parse(stdout) as Generated;
  expect(parsed.ok, stderr).toBe(true);
  return { ...parsed, stats: JobStatsSchema.parse(parsed.stats) };
}

const file = (name: string) => readFile(made.files[name] ?? '');
const open = async (name: string) => io.readBinary(new Uint8Array(await file(name)));
const computed = ({ stats }: Generated) => STAGES.filter((stage) => stats.stages[stage]?.cached === false);

describe('outputs of one job', { timeout: SLOW }, () => {
  it('are the files that were asked for, and their sizes are told', async () => {
    const names = [...OUTPUTS.flatMap(outputFiles), 'stats.json'].sort();
    expect((await readdir(join(folder, 'all'))).sort()).toEqual(names);
    for (const [name, bytes] of Object.entries(made.stats.files ?? {})) expect((await file(name)).length).toBe(bytes);
    expect(Object.keys(made.stats.files ?? {}).sort()).toEqual(names.filter((name) => name !== 'stats.json'));
  });

  it.each(GLBS)('%s is valid, says what it needs, and has the faces of the plain one', async (output) => {
    const { texture, geometry } = GLB_VARIANTS[output];
    const [name = ''] = outputFiles(output);
    const options = { format: 'glb', maxIssues: 100, writeTimestamp: false } as const;
    const { issues } = await validator.validateBytes(new Uint8Array(await file(name)), options);
    // Of KTX2 images the validator only knows that it does not know them.
    const faults = issues.messages.filter(
      ({ code, severity, pointer }) =>
        severity <= 1 &&
        !(
          texture === 'ktx2' &&
          ['VALUE_NOT_IN_LIST', 'IMAGE_UNRECOGNIZED_FORMAT'].includes(code) &&
          pointer?.startsWith('/images/')
        ),
    );
    expect(faults).toEqual([]);

    const document = await open(name);
    const extensions = document
      .getRoot()
      .listExtensionsUsed()
      .map(({ extensionName }) => extensionName);
    expect(extensions.includes('EXT_texture_webp')).toBe(texture === 'webp');
    expect(extensions.includes('KHR_texture_basisu')).toBe(texture === 'ktx2');
    expect(extensions.includes('KHR_mesh_quantization')).toBe(geometry !== 'plain');
    expect(extensions.includes('EXT_meshopt_compression')).toBe(geometry === 'meshopt');

    const mesh = facesOf(document);
    expect(mesh.faces).toBe(made.stats.face_count);
    // 14 bits over the longest edge of the mesh's box, and over the texture: one step.
    const extent = Math.max(...made.stats.bounds.max.map((high, k) => high - (made.stats.bounds.min[k] as number)));
    const step = geometry === 'plain' ? 1e-6 : Math.max(extent, 1) / (2 ** 14 - 1);
    expect(facesFoundAgain(mesh, plain, step)).toBe(plain.faces);
  });

  it.each(GLBS)('%s holds both textures, as large as asked for', async (output) => {
    const { texture } = GLB_VARIANTS[output];
    const pixels = async (name: string, role: number) => {
      const image = (await open(name)).getRoot().listTextures()[role]?.getImage() ?? new Uint8Array();
      const buffer = Buffer.from(image);
      if (name.includes('ktx2')) {
        const { width, height, rgba } = await decodeKtx2(image);
        return { format: 'ktx2', width, height, data: rgba.filter((_, i) => i % 4 !== 3) };
      }
      const { format } = await sharp(buffer).metadata();
      const { data, info } = await sharp(buffer).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      return { format, width: info.width, height: info.height, data: new Uint8Array(data) };
    };
    const [name = ''] = outputFiles(output);
    for (const role of [0, 1]) {
      const [image, original] = [await pixels(name, role), await pixels('model.glb', role)];
      expect(image).toMatchObject({ format: texture, width: SIZE, height: SIZE });
      const off = (other: (i: number) => number) =>
        image.data.reduce((sum, value, i) => sum + Math.abs(value - (original.data[other(i)] as number)), 0);
      const [same, upsideDown] = [off((i) => i), off((i) => original.data.length - 1 - i)];
      // The random model's colours are noise, which no lossy format keeps well.
      expect(same / upsideDown, role === 0 ? 'colours' : 'normals').toBeLessThan(texture === 'png' ? 1e-9 : 0.4);
    }
  });

  it('ply, splat and spz hold the same Gaussians', async () => {
    const ply = await file('gaussians.ply');
    const header = ply.toString('latin1', 0, ply.indexOf('end_header\n') + 'end_header\n'.length);
    const count = Number(/element vertex (\d+)/.exec(header)?.[1]);
    const stride = [...header.matchAll(/property float/g)].length * 4;
    expect(count).toBeGreaterThan(100);
    expect(ply.length).toBe(header.length + count * stride);
    expect((await file('gaussians.splat')).length).toBe(count * 32);
    const spz = readSpz(await file('gaussians.spz'));
    expect(spz).toMatchObject({ count, rest: 0 });
    const splat = await file('gaussians.splat');
    const splats = new Set(Array.from({ length: count }, (_, g) => splat.toString('hex', g * 32, g * 32 + 12)));
    for (let g = 0; g < count; g++) {
      const at = header.length + g * stride;
      const [x = 0, y = 0, z = 0] = [0, 4, 8].map((k) => ply.readFloatLE(at + k));
      [x, -y, -z].forEach((value, k) => {
        expect(Math.abs((spz.positions[g]?.[k] ?? Number.NaN) - value)).toBeLessThan(0.5 / 4096 + 1e-6);
      });
      expect(splats.has(ply.toString('hex', at, at + 12))).toBe(true);
    }
  });

  it('obj, its material and its picture belong together, and stl has the same faces', async () => {
    const lines = (await file('model.obj')).toString().split('\n');
    const of = (kind: string) =>
      lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.split(' ').slice(1));
    expect(of('mtllib')).toEqual([['model.mtl']]);
    const mtl = (await file('model.mtl')).toString();
    expect(mtl).toContain(`newmtl ${of('usemtl')[0]?.[0]}\n`);
    expect(mtl).toContain('map_Kd texture.png\n');
    const [vertices, uvs, normals, faces] = [of('v'), of('vt'), of('vn'), of('f')];
    expect(faces).toHaveLength(made.stats.face_count);
    expect([vertices.length, uvs.length, normals.length]).toEqual(Array(3).fill(made.stats.vertex_count));
    const named = faces.flat().flatMap((corner) => corner.split('/').map(Number));
    expect([Math.min(...named), Math.max(...named)]).toEqual([1, made.stats.vertex_count]);
    for (let k = 0; k < 3; k++) {
      const values = vertices.map((vertex) => Number(vertex[k]));
      expect(Math.min(...values)).toBeCloseTo(made.stats.bounds.min[k] as number, 5);
      expect(Math.max(...values)).toBeCloseTo(made.stats.bounds.max[k] as number, 5);
    }
    const texture = await sharp(await file('texture.png'))
      .raw()
      .toBuffer();
    const [baseColor] = (await open('model.glb')).getRoot().listTextures();
    expect(
      texture.equals(
        await sharp(Buffer.from(baseColor?.getImage() ?? []))
          .raw()
          .toBuffer(),
      ),
    ).toBe(true);

    const stl = await file('model.stl');
    expect(stl.readUInt32LE(80)).toBe(made.stats.face_count);
    expect(stl.length).toBe(84 + 50 * made.stats.face_count);
    // z up: the GLB's height.
    const heights = Array.from({ length: made.stats.face_count * 3 }, (_, i) =>
      stl.readFloatLE(84 + 50 * Math.floor(i / 3) + 12 + 12 * (i % 3) + 8),
    );
    expect(Math.max(...heights)).toBeCloseTo(made.stats.bounds.max[1] as number, 5);
    expect(Math.min(...heights)).toBeCloseTo(made.stats.bounds.min[1] as number, 5);
  });

  it('preview and turntable show something, from all around', async () => {
    const pictures = async (name: string, size: number) => {
      const { data, info } = await sharp(await file(name))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([info.height, info.channels]).toEqual([size, 4]);
      return Array.from({ length: info.width / size }, (_, frame) =>
        Array.from({ length: size * size }, (_unused, i) => {
          const at = (Math.floor(i / size) * info.width + frame * size + (i % size)) * 4;
          return (data[at + 3] as number) < 128 ? -1 : data.readUIntBE(at, 3);
        }),
      );
    };
    const all = [...(await pictures('preview.webp', 512)), ...(await pictures('turntable.webp', 256))];
    expect(all).toHaveLength(1 + 12);
    for (const picture of all) {
      const shown = picture.filter((color) => color >= 0);
      expect(shown.length / picture.length).toBeGreaterThan(0.02);
      expect(shown.length / picture.length).toBeLessThan(0.98);
      expect(new Set(shown).size, 'colours').toBeGreaterThan(50);
    }
    expect(new Set(all.slice(1).map(String)).size, 'different sides').toBe(12);
  });
});

describe('outputs of a later job', { timeout: SLOW }, () => {
  it('need the export alone; the same ones again need nothing', async () => {
    const other = await generate('other', '--outputs', 'spz,glb-webp');
    expect(computed(other)).toEqual(['export']);
    expect(Object.keys(other.files).sort()).toEqual(['gaussians.spz', 'model-webp.glb', 'model.glb', 'stats.json']);
    for (const name of ['gaussians.spz', 'model-webp.glb', 'model.glb'])
      expect((await readFile(other.files[name] ?? '')).equals(await file(name)), name).toBe(true);
    expect(computed(await generate('again', '--outputs', 'spz,glb-webp'))).toEqual([]);
  });

  it('are the same bytes from one thread as from four', async () => {
    const elsewhere = await temporaryFolder();
    await cp(join(folder, 'bucket', 'checkpoints'), join(elsewhere, 'bucket', 'checkpoints'), { recursive: true });
    for (const stage of ['surface', 'texture', 'export'])
      await rm(join(elsewhere, 'bucket', 'checkpoints', stage), { recursive: true });
    const args = [...CHEST, '--model', MODEL, '--store', 'bucket', '--outputs', OTHERS.join(), '--out', 'out'];
    const before = JSON.stringify(Object.keys(made.files).sort());
    for (const threads of ['1', '4']) {
      const again = generated(await espalier(args, elsewhere, { MAX_JOBS: threads }));
      expect(computed(again)).toEqual(['surface', 'texture', 'export']);
      expect(JSON.stringify(Object.keys(again.files).sort())).toBe(before);
      for (const name of Object.keys(again.stats.files ?? {}))
        expect((await readFile(again.files[name] ?? '')).equals(await file(name)), `${name}, ${threads}`).toBe(true);
      for (const stage of ['surface', 'texture', 'export'])
        await rm(join(elsewhere, 'bucket', 'checkpoints', stage), { recursive: true });
    }
  });
});

describe('outputs that cannot be made', { timeout: SLOW }, () => {
  it('are refused by name, with those that there are, before anything is begun', async () => {
    const { code, stdout, stderr } = await espalier([...CHEST, '--outputs', 'ply,fbx'], await temporaryFolder());
    expect(code).toBe(2);
    expect(stderr).not.toContain('condition');
    const { error } = JSON.parse(stdout);
    expect(error).toMatchObject({ code: 'OUTPUTS_INVALID', field: 'outputs.1' });
    expect(error.message).toMatch(/^'outputs' cannot hold 'fbx'; it may hold: glb, /);
    for (const output of OUTPUTS) expect(error.message).toContain(output);
  });

  it('end the job where the model gives no Gaussians', async () => {
    const elsewhere = await temporaryFolder();
    await cp(MODEL, join(elsewhere, 'model'), { recursive: true });
    const path = join(elsewhere, 'model', 'pipeline.json');
    const pipeline = JSON.parse(await readFile(path, 'utf8'));
    delete pipeline.args.models.slat_decoder_gs;
    await writeFile(path, JSON.stringify(pipeline));
    const { code, stdout } = await espalier(
      [...CHEST, '--model', 'model', '--outputs', 'spz', '--out', 'o'],
      elsewhere,
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'OUTPUTS_NO_GAUSSIANS',
      field: 'outputs',
      remedy: expect.stringContaining("leave 'spz' out"),
    });
  });
});
