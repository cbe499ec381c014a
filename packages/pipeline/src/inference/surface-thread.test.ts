import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CancelledError, nodeFlagsFor, TerminalError } from '@espalier/contracts';
import { extractSurface, FEATURE_CHANNELS, type SparseVoxels } from '@espalier/geometry';
import { expect, it, onTestFinished } from 'vitest';
import { sphere, voxelize } from '../../../geometry/test/shapes.ts';
import { SurfaceThread } from './surface-thread.ts';

function open(): SurfaceThread {
  const thread = new SurfaceThread();
  onTestFinished(() => thread.close());
  return thread;
}

const ball = (): SparseVoxels => voxelize(sphere(0.4), { resolution: 16, noise: 0.3 });
const fillEnclosed = true;

it('gives the mesh of a direct call, byte for byte, and the memory back', async () => {
  const thread = open();
  const direct = extractSurface({ ...ball(), fillEnclosed });
  for (let again = 0; again < 2; again++) {
    const given = ball();
    const shares: number[] = [];
    const { mesh, cells } = await thread.extract(given, { fillEnclosed, onProgress: (share) => shares.push(share) });
    expect(mesh).toEqual(direct);
    expect(given.features.length + given.coords.length, 'moved, not copied').toBe(0);
    expect(cells).toEqual(ball());
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  }
  const hollow = await thread.extract(ball(), { fillEnclosed: false });
  expect(hollow.mesh).toEqual(extractSurface({ ...ball(), fillEnclosed: false }));
});

it('moves memory that is longer than what lies in it', async () => {
  const { coords, features, resolution } = ball();
  const kept = new ArrayBuffer(features.byteLength + 400);
  const given = new Float32Array(kept, 0, features.length);
  given.set(features);
  const { mesh, cells } = await open().extract({ coords, features: given, resolution }, { fillEnclosed });
  expect(mesh).toEqual(extractSurface({ ...ball(), fillEnclosed }));
  expect(kept.byteLength).toBe(0);
  expect(cells.features).toEqual(features);
  expect(cells.features.buffer.byteLength).toBe(features.byteLength + 400);
});

it('copies what is a part of something else', async () => {
  const { coords, features, resolution } = ball();
  const larger = new Float32Array(features.length + 7);
  larger.set(features, 7);
  const part = larger.subarray(7);
  const { mesh } = await open().extract({ coords, features: part, resolution }, { fillEnclosed });
  expect(part).toEqual(features);
  expect(mesh).toEqual(extractSurface({ ...ball(), fillEnclosed }));
});

it('passes errors on with class and code, and goes on', async () => {
  const thread = open();
  const invalid = { ...ball(), resolution: 8 };
  const error = await thread.extract(invalid, { fillEnclosed }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TerminalError);
  expect(error).toMatchObject({ code: 'VOXELS_INVALID' });
  const broken = ball();
  // Colours and deformations are not looked at where there is no surface.
  for (let row = 0; row < broken.features.length; row += FEATURE_CHANNELS) broken.features[row + 8] = Number.NaN;
  await expect(thread.extract(broken, { fillEnclosed })).rejects.toMatchObject({
    code: 'SURFACE_NOT_FINITE',
    field: 'features',
    remedy: expect.stringContaining('float32'),
  });
  expect((await thread.extract(ball(), { fillEnclosed })).mesh.indices.length).toBeGreaterThan(0);
});

it('extracts one after the other; who is cancelled harms nobody', async () => {
  const thread = open();
  const controller = new AbortController();
  const { signal } = controller;
  const order: string[] = [];
  const extract = (name: string, options: { signal?: AbortSignal } = {}) =>
    thread.extract(ball(), { fillEnclosed, ...options, onBegin: () => order.push(name) });
  const [first, waiting, last] = [extract('first'), extract('waiting', { signal }), extract('last')];
  expect(order).toEqual(['first']);
  controller.abort();
  await expect(waiting).rejects.toBeInstanceOf(CancelledError);
  await first;
  await last;
  expect(order).toEqual(['first', 'last']);
  const inHand = new AbortController();
  const stopped = thread.extract(ball(), { fillEnclosed, signal: inHand.signal, onBegin: () => inHand.abort() });
  await expect(stopped).rejects.toBeInstanceOf(CancelledError);
});

it('does not keep a process from its end', () => {
  const script = new URL('../../test/extract-and-end.ts', import.meta.url);
  const { status, stdout } = spawnSync(process.execPath, [...nodeFlagsFor(script), fileURLToPath(script)]);
  expect({ status, stdout: String(stdout) }).toEqual({ status: 0, stdout: 'extracted\n' });
});
