import { describe, expect, it } from 'vitest';
import { box, sphere, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { orbitCamera, viewOf } from './camera.ts';
import { renderPreview, renderTurntable } from './preview.ts';
import { renderMesh } from './render.ts';
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
  it('fill the picture without touching its rim', () => {
    const { data } = renderPreview(ball, { size: 64 });
    const alpha = (x: number, y: number) => data[(y * 64 + x) * 4 + 3] as number;
    const rim = Array.from({ length: 64 }, (_, i) => alpha(i, 0) + alpha(i, 63) + alpha(0, i) + alpha(63, i));
    expect(Math.max(...rim)).toBe(0);
    expect(Array.from({ length: 64 }, (_, i) => alpha(i, 32)).filter((a) => a > 0).length).toBeGreaterThan(54);
  });

  it('turn round once', () => {
    const strip = renderTurntable(ball, 4, { size: 32 });
    expect([strip.width, strip.height]).toEqual([128, 32]);
  });
});
