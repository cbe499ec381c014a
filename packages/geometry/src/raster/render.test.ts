import { describe, expect, it } from 'vitest';
import { box, sphere, union, voxelize } from '../../test/shapes.ts';
import type { Image } from '../bake/image.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { orbitCamera, viewOf } from './camera.ts';
import { renderPreview, renderTurntable } from './preview.ts';
import { type RenderableMesh, renderMesh } from './render.ts';
import { rasterize } from './visibility.ts';

const ball = extractSurface(voxelize(sphere(0.4), { resolution: 32, color: () => [0.8, 0.2, 0.4] }));

describe('rasterize', () => {
  it('draws a sphere as a disc of the right size and depth', () => {
    const view = viewOf({ eye: [0, -2, 0], target: [0, 0, 0], up: [0, 0, 1], halfHeight: 0.5 });
    const { face, depth } = rasterize(ball, view, 200, 200);
    const covered = face.reduce((sum, f) => sum + (f >= 0 ? 1 : 0), 0) / 40_000;
    expect(covered).toBeCloseTo(Math.PI * 0.16, 2);
    expect(depth[100 * 200 + 100]).toBeCloseTo(1.6, 2);
  });

  it('keeps the nearer of two faces whatever their order', () => {
    const positions = new Float32Array([-1, 0, -1, 1, 0, -1, 0, 0, 1, -1, 1, -1, 1, 1, -1, 0, 1, 1]);
    const view = viewOf({ eye: [0, -3, 0], target: [0, 0, 0], up: [0, 0, 1], fieldOfView: 1 });
    for (const order of [
      [0, 1, 2, 3, 4, 5],
      [3, 4, 5, 0, 1, 2],
    ]) {
      const { face } = rasterize({ positions, indices: Uint32Array.from(order) }, view, 64, 64);
      expect(face[32 * 64 + 32]).toBe(order[0] === 0 ? 0 : 1);
    }
  });

  it('has z up and the front at -y', () => {
    const tower = extractSurface(voxelize(box([0.05, 0.05, 0.1], [0.3, 0, 0.3]), { resolution: 32 }));
    const { face } = rasterize(tower, viewOf(orbitCamera(0, 0)), 64, 64);
    const drawn = Array.from(face.keys()).filter((pixel) => (face[pixel] as number) >= 0);
    expect(Math.min(...drawn.map((pixel) => pixel % 64))).toBeGreaterThan(32);
    expect(Math.max(...drawn.map((pixel) => Math.floor(pixel / 64)))).toBeLessThan(32);
  });
});

describe('renderMesh', () => {
  const camera = orbitCamera(0.5, 0.3);

  it('shows vertex colours unlit as they are, on a clear ground', () => {
    const { data } = renderMesh(ball, { camera, width: 65, height: 65, shading: 'unlit' });
    const middle = (32 * 65 + 32) * 4;
    expect(Array.from(data.subarray(middle, middle + 4))).toEqual([204, 51, 102, 255]);
    expect(Array.from(data.subarray(0, 4))).toEqual([0, 0, 0, 0]);
  });

  it('smooths the outline', () => {
    const { data } = renderMesh(ball, { camera, width: 65, height: 65, supersample: 4 });
    const alphas = new Set(data.filter((_, i) => i % 4 === 3));
    expect(alphas.size).toBeGreaterThan(8);
  });

  it('is darker away from the light', () => {
    const { data } = renderMesh(ball, { camera, width: 64, height: 64, shading: 'clay' });
    const at = (x: number, y: number) => data[(y * 64 + x) * 4] as number;
    expect(at(24, 22)).toBeGreaterThan(at(40, 44) + 20);
  });

  it('shows the texture and the normal map where they lie', () => {
    const quad = {
      positions: new Float32Array([-0.4, 0, -0.4, 0.4, 0, -0.4, 0.4, 0, 0.4, -0.4, 0, 0.4]),
      indices: new Uint32Array([0, 1, 2, 0, 2, 3]),
      uvs: new Float32Array([0, 1, 1, 1, 1, 0, 0, 0]),
      tangents: new Float32Array([1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]),
      baseColor: {
        width: 2,
        height: 2,
        channels: 3,
        data: new Uint8Array([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]),
      },
    } as const;
    const options = { camera: orbitCamera(0, 0), width: 64, height: 64, shading: 'unlit' } as const;
    const { data } = renderMesh(quad, options);
    const at = (x: number, y: number) => Array.from(data.subarray((y * 64 + x) * 4, (y * 64 + x) * 4 + 3));
    expect(at(18, 18)).toEqual([255, 0, 0]);
    expect(at(46, 18)).toEqual([0, 255, 0]);
    expect(at(18, 46)).toEqual([0, 0, 255]);
    const tilt = (y: number) => ({ width: 1, height: 1, channels: 3, data: new Uint8Array([128, y, 200]) }) as const;
    const lit = (y: number) =>
      renderMesh({ ...quad, normalMap: tilt(y) }, { ...options, shading: 'lit' }).data[(20 * 64 + 20) * 4] as number;
    expect(lit(220)).toBeGreaterThan(lit(40));
  });
});

describe('previews', () => {
  /** The covered box in pixels, and what lies on the picture's rim. */
  function framing({ width, height, data }: Image, left = 0, size = width) {
    const alpha = (x: number, y: number) => data[(y * width + left + x) * 4 + 3] as number;
    const covered = Array.from({ length: size * height }, (_, i) => i).filter(
      (i) => alpha(i % size, Math.floor(i / size)) > 0,
    );
    const [xs, ys] = [covered.map((i) => i % size), covered.map((i) => Math.floor(i / size))];
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const rim = Math.min(x0, size - 1 - x1, y0, height - 1 - y1);
    return { rim, width: x1 - x0 + 1, height: y1 - y0 + 1, x: (x0 + x1 + 1) / 2 / size, y: (y0 + y1 + 1) / 2 / height };
  }

  const plank = extractSurface(voxelize(box([0.45, 0.06, 0.08], [0, 0.1, -0.3]), { resolution: 48 }));
  const mast = extractSurface(voxelize(box([0.04, 0.04, 0.42], [0.3, 0.2, 0]), { resolution: 48 }));

  it.each([
    ['a ball', ball],
    ['a long low thing beside the middle', plank],
    ['a tall thin one', mast],
  ])('show all of %s, in the middle, as large as can be', (_name, mesh) => {
    const { rim, width, height, x, y } = framing(renderPreview(mesh, { size: 96 }));
    expect(rim).toBeGreaterThanOrEqual(2);
    expect(Math.max(width, height)).toBeGreaterThanOrEqual(96 * 0.92);
    expect(x).toBeCloseTo(0.5, 1);
    expect(y).toBeCloseTo(0.5, 1);
  });

  it('turn round once, whole in every picture and always as large', () => {
    const size = 64;
    const strip = renderTurntable(mast, 6, { size });
    expect([strip.width, strip.height]).toEqual([6 * size, size]);
    const frames = Array.from({ length: 6 }, (_, i) => framing(strip, i * size, size));
    for (const { rim, height } of frames) {
      expect(rim).toBeGreaterThanOrEqual(1);
      expect(Math.abs(height - (frames[0]?.height ?? 0))).toBeLessThanOrEqual(3);
    }
  });

  it('take a finer texture for its mean: no grain', () => {
    const size = 256;
    const data = new Uint8Array(size * size * 3);
    for (let i = 0; i < data.length; i++)
      data[i] = ((Math.floor(i / 3) % size) + Math.floor(i / 3 / size)) % 2 === 0 ? 255 : 0;
    const quad = {
      positions: new Float32Array([-0.4, 0, -0.4, 0.4, 0, -0.4, 0.4, 0, 0.4, -0.4, 0, 0.4]),
      indices: new Uint32Array([0, 1, 2, 0, 2, 3]),
      uvs: new Float32Array([0, 1, 1, 1, 1, 0, 0, 0]),
      baseColor: { width: size, height: size, channels: 3, data },
    } as const;
    const picture = renderPreview(quad, { size: 48, azimuth: 0, elevation: 0, shading: 'unlit' });
    const middle = Array.from(
      { length: 24 * 24 },
      (_, i) => picture.data[((12 + Math.floor(i / 24)) * 48 + 12 + (i % 24)) * 4],
    );
    // Half of the light, as sRGB has it, and not half of the code.
    expect(Math.min(...(middle as number[]))).toBeGreaterThan(180);
    expect(Math.max(...(middle as number[]))).toBeLessThan(196);
  });
});

describe('occlusionRadius', () => {
  const camera = orbitCamera(0, 0.6);
  const options = { camera, width: 80, height: 80, shading: 'clay' } as const;
  const means = (mesh: RenderableMesh, occlusionRadius?: number) => {
    const { data } = renderMesh(mesh, { ...options, ...(occlusionRadius !== undefined && { occlusionRadius }) });
    return Float64Array.from({ length: 80 * 80 }, (_, i) =>
      (data[i * 4 + 3] as number) > 0 ? (data[i * 4] as number) : -1,
    );
  };

  it('darkens where surfaces meet, and leaves open ones as they are', () => {
    const open = means(ball);
    const shaded = means(ball, 0.15);
    // A ball shades nothing of itself; what its faces are off from round is below the bias.
    expect(Math.max(...open.map((value, i) => Math.abs(value - (shaded[i] as number))))).toBeLessThan(6);
    const step = extractSurface(
      voxelize(union(box([0.4, 0.4, 0.05], [0, 0, -0.2]), box([0.15, 0.15, 0.3])), { resolution: 48 }),
    );
    const [before, after] = [means(step), means(step, 0.15)];
    const change = before.map((value, i) => value - (after[i] as number));
    expect(Math.max(...change), 'at the foot').toBeGreaterThan(15);
    expect(change.filter((value) => value > 15).length).toBeLessThan(change.filter((value) => value < 6).length / 2);
  });
});

describe('shadePer', () => {
  it('pixel shows the same picture as sample, but for what is finer than pixels', () => {
    const options = { camera: orbitCamera(0.5, 0.3), width: 64, height: 64, supersample: 3 } as const;
    const [one, two] = [renderMesh(ball, options), renderMesh(ball, { ...options, shadePer: 'pixel' })];
    expect(Math.max(...one.data.map((value, i) => Math.abs(value - (two.data[i] as number))))).toBeLessThanOrEqual(2);
  });
});
