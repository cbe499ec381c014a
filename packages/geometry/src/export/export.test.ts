import { describe, expect, it } from 'vitest';
import { gaussiansOn } from '../../test/gaussians.ts';
import { readSpz } from '../../test/read-spz.ts';
import { sphere, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import type { Gaussians } from '../gaussians.ts';
import { gaussiansToPly, gaussiansToSplat } from './gaussians.ts';
import { gaussiansToSpz } from './gaussians-spz.ts';
import { meshToObj, meshToStl } from './mesh-files.ts';

const half = Math.SQRT1_2;
const gaussians: Gaussians = {
  count: 2,
  positions: new Float32Array([0.1, 0.2, 0.3, -0.1, -0.2, -0.3]),
  sh0: new Float32Array([0, 1, -1, 0.5, 0.5, 0.5]),
  scales: new Float32Array([0.01, 0.01, 0.01, 0.02, 0.02, 0.02]),
  rotations: new Float32Array([1, 0, 0, 0, half, 0, 0, half]),
  opacities: new Float32Array([0.5, 0.9]),
};

describe('gaussiansToPly', () => {
  it('writes the properties of the 3DGS reference, turned and before their activations', () => {
    const file = gaussiansToPly(gaussians);
    const text = new TextDecoder('latin1').decode(file);
    const start = text.indexOf('end_header\n') + 'end_header\n'.length;
    const names = [...text.slice(0, start).matchAll(/property float (\S+)/g)].map((match) => match[1] as string);
    const view = new DataView(file.buffer, start);
    const read = (g: number, name: string) => view.getFloat32((g * names.length + names.indexOf(name)) * 4, true);
    expect(text.startsWith('ply\nformat binary_little_endian 1.0\nelement vertex 2\n')).toBe(true);
    expect(file.length - start).toBe(2 * names.length * 4);
    expect([read(0, 'x'), read(0, 'y'), read(0, 'z')].map((v) => v.toFixed(3))).toEqual(['0.100', '-0.300', '0.200']);
    expect(read(0, 'opacity')).toBeCloseTo(0, 6);
    expect(1 / (1 + Math.exp(-read(1, 'opacity')))).toBeCloseTo(0.9, 6);
    expect(Math.exp(read(1, 'scale_0'))).toBeCloseTo(0.02, 6);
    expect(read(0, 'f_dc_2')).toBe(-1);
    expect(['rot_0', 'rot_1', 'rot_2', 'rot_3'].map((name) => read(0, name))).toEqual(
      [half, half, 0, 0].map(Math.fround),
    );
  });
});

describe('gaussiansToSplat', () => {
  it('writes 32 bytes each, the largest first', () => {
    const file = gaussiansToSplat(gaussians);
    const view = new DataView(file.buffer);
    expect(file.length).toBe(64);
    expect([0, 4, 8].map((at) => view.getFloat32(at, true).toFixed(3))).toEqual(['-0.100', '0.300', '-0.200']);
    expect(view.getFloat32(12, true)).toBeCloseTo(0.02, 6);
    expect(file[27]).toBe(229);
    expect(Array.from(file.subarray(60, 64))).toEqual([219, 219, 128, 128]);
  });
});

const ball = extractSurface(voxelize(sphere(0.3, [0, 0, 0.1]), { resolution: 16 }));

/** Where a quaternion, w first, takes x, y and z: columns of its rotation matrix. */
function axesOf([w = 0, x = 0, y = 0, z = 0]: readonly number[]): number[][] {
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
    [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
    [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
  ];
}

describe('gaussiansToSpz', () => {
  /** All around a ball: rotations of every kind, colours and opacities through their ranges. */
  const count = 3000;
  const many: Gaussians = {
    ...gaussiansOn(ball, count, (x, y, z) => [x + 0.5, y + 0.5, z + 0.4], 0.01),
    opacities: Float32Array.from({ length: count }, (_, g) => (g + 0.5) / count),
  };
  const worst = (values: readonly number[], others: ArrayLike<number>) =>
    values.reduce((most, value, i) => Math.max(most, Math.abs(value - (others[i] as number))), 0);

  it('keeps every value within half a step of the format, y up', async () => {
    const file = readSpz(await gaussiansToSpz(many));
    expect(file).toMatchObject({ version: 3, count, degree: 0, rest: 0 });
    const yUp = Array.from({ length: count }, (_, g) => many.positions.subarray(g * 3, g * 3 + 3)).flatMap(
      ([x = 0, y = 0, z = 0]) => [x, z, -y],
    );
    expect(worst(file.positions.flat(), yUp)).toBeLessThanOrEqual(0.5 / 4096 + 1e-6);
    expect(worst(file.scales.flat(), many.scales.map(Math.log))).toBeLessThanOrEqual(0.5 / 16 + 1e-5);
    expect(worst(file.opacities, many.opacities)).toBeLessThanOrEqual(0.5 / 255 + 1e-5);
    expect(worst(file.colors.flat(), many.sh0)).toBeLessThanOrEqual(0.5 / 255 / 0.15 + 1e-5);
  });

  it('turns the rotations as it turns the positions', async () => {
    const { rotations } = readSpz(await gaussiansToSpz(many));
    // A Gaussian's own axes have no sign: each points where it did, or the other way.
    const angles = rotations.flatMap((rotation, g) => {
      const before = axesOf(Array.from(many.rotations.subarray(g * 4, g * 4 + 4)));
      return axesOf(rotation).map((axis, k) => {
        const [x = 0, y = 0, z = 0] = before[k] ?? [];
        const cosine = [x, z, -y].reduce((sum, value, i) => sum + value * (axis[i] as number), 0);
        return Math.acos(Math.min(1, Math.abs(cosine)));
      });
    });
    expect(angles).toHaveLength(count * 3);
    // Three components, each off by half of 1/(511 √2) at most; the fourth follows from them.
    expect(Math.max(...angles)).toBeLessThan(0.005);
  });

  it('gives the same bytes for the same Gaussians, a fifth of the PLY', async () => {
    const [one, two] = [await gaussiansToSpz(many), await gaussiansToSpz(many)];
    expect(Buffer.from(one).equals(two)).toBe(true);
    expect(one.length * 5).toBeLessThan(gaussiansToPly(many).length);
  });

  it('refuses Gaussians whose arrays do not fit together', async () => {
    const broken = { ...many, opacities: many.opacities.subarray(1) };
    await expect(gaussiansToSpz(broken)).rejects.toMatchObject({ code: 'SPZ_FAILED' });
  });
});

describe('mesh files', () => {
  it('STL holds every face with its normal outward, z up', () => {
    const file = meshToStl(ball);
    const view = new DataView(file.buffer);
    expect(view.getUint32(80, true)).toBe(ball.indices.length / 3);
    expect(file.length).toBe(84 + 50 * (ball.indices.length / 3));
    const [n, p] = [84, 96].map((at) => [0, 4, 8].map((k) => view.getFloat32(at + k, true))) as [number[], number[]];
    const outward = n.reduce((sum, value, k) => sum + value * ((p[k] as number) - (k === 2 ? 0.1 : 0)), 0);
    expect(outward).toBeGreaterThan(0);
  });

  it('OBJ refers to its material and counts from one, y up', () => {
    const image = { width: 1, height: 1, channels: 3, data: new Uint8Array(3) } as const;
    const uvs = new Float32Array((ball.positions.length / 3) * 2).fill(0.25);
    const mesh = { ...ball, uvs, source: new Uint32Array(0), normals: ball.positions, baseColor: image };
    const { obj, mtl } = meshToObj(mesh, { mtl: 'a.mtl', baseColor: 'a.png' });
    const lines = obj.split('\n');
    expect(lines[0]).toBe('mtllib a.mtl');
    expect(mtl).toContain('map_Kd a.png');
    expect(lines.filter((line) => line.startsWith('f ')).length).toBe(ball.indices.length / 3);
    expect(lines.find((line) => line.startsWith('vt '))).toBe('vt 0.25 0.75');
    const heights = lines.filter((line) => line.startsWith('v ')).map((line) => Number(line.split(' ')[2]));
    expect((Math.max(...heights) + Math.min(...heights)) / 2).toBeCloseTo(0.1, 2);
    expect(
      Math.min(...lines.filter((line) => line.startsWith('f ')).map((line) => Number(line.split(/[ /]/)[1]))),
    ).toBeGreaterThanOrEqual(1);
  });
});
