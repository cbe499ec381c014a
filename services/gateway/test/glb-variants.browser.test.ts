/** Every GLB variant in model-viewer, in real Chromium: it loads, and looks like the plain one. `npm run test:browser`. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { GLB_VARIANTS, type GlbOutput } from '@espalier/contracts';
import { bake, bakeDetail, bakeTarget, exportGlb, extractSurface, simplify, unwrap } from '@espalier/geometry';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { box, sphere, union, voxelize } from '../../../packages/geometry/test/shapes.ts';

const SLOW = 120_000;
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
const require = createRequire(import.meta.url);
const viewer = require.resolve('@google/model-viewer/dist/model-viewer.min.js');
// What model-viewer would fetch from elsewhere: its own dependencies, from beside it.
const beside = createRequire(viewer);
// The classic script: model-viewer loads it by a script element.
const decoder = join(dirname(beside.resolve('meshoptimizer/decoder')), 'meshopt_decoder.cjs');
const transcoder = join(dirname(beside.resolve('three')), '../examples/jsm/libs/basis');
const files = new Map<string, { type: string; body: Uint8Array }>([
  ['/model-viewer.js', { type: 'text/javascript', body: readFileSync(viewer) }],
  ['/meshopt.js', { type: 'text/javascript', body: readFileSync(decoder) }],
  [
    '/basis/basis_transcoder.js',
    { type: 'text/javascript', body: readFileSync(join(transcoder, 'basis_transcoder.js')) },
  ],
  [
    '/basis/basis_transcoder.wasm',
    { type: 'application/wasm', body: readFileSync(join(transcoder, 'basis_transcoder.wasm')) },
  ],
]);

const page = (src: string) => `<!doctype html><body style="margin:0;background:#fff">
<script>self.ModelViewerElement = { meshoptDecoderLocation: '/meshopt.js', ktx2TranscoderLocation: '/basis/' };</script>
<script type="module" src="/model-viewer.js"></script>
<model-viewer id="viewer" src="${src}" loading="eager" environment-image="neutral" interaction-prompt="none"
  camera-orbit="30deg 70deg 100%" style="width:320px;height:320px;--progress-bar-height:0"></model-viewer>`;

let server: Server;
let browser: Browser;
let base: string;

beforeAll(async () => {
  const color = (x: number, y: number, z: number) => [0.5 + x, 0.3 + 0.3 * Math.sin(9 * y), 0.5 - z] as const;
  const raw = extractSurface(voxelize(union(sphere(0.3), box([0.4, 0.1, 0.1])), { resolution: 40, color }));
  const { mesh } = await simplify(raw, { targetFaces: 1500 });
  const unwrapped = await unwrap(mesh, { textureSize: 256, maxXatlasFaces: 0 });
  const target = bakeTarget(mesh, unwrapped.mesh, 256);
  const { normals, tangents } = target;
  const textured = { ...unwrapped.mesh, normals, tangents, ...bake({ target, detail: bakeDetail(raw) }) };
  for (const [name, variant] of Object.entries(GLB_VARIANTS)) {
    files.set(`/${name}.glb`, { type: 'model/gltf-binary', body: await exportGlb({ mesh: textured, ...variant }) });
    files.set(`/${name}`, { type: 'text/html', body: new TextEncoder().encode(page(`/${name}.glb`)) });
  }
  server = createServer((request, response) => {
    const file = files.get(new URL(request.url ?? '/', 'http://host').pathname);
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': file?.type ?? 'text/plain' }).end(file?.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS.split(' '),
  });
}, SLOW);
afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** Pixels of the variant as model-viewer shows it, and what went wrong meanwhile. */
async function show(name: GlbOutput): Promise<{ pixels: Buffer; faults: string[] }> {
  const context = await browser.newContext({ viewport: { width: 320, height: 320 }, reducedMotion: 'reduce' });
  const opened = await context.newPage();
  const faults: string[] = [];
  opened.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  opened.on('request', (request) => {
    const url = request.url();
    if (!/^(blob|data):/.test(url) && !url.startsWith(base)) faults.push(`asked for ${url}`);
  });
  opened.on('response', (response) => {
    const path = new URL(response.url()).pathname;
    if (response.status() >= 400 && path !== '/favicon.ico') faults.push(`${response.status()} ${path}`);
  });
  try {
    await opened.goto(`${base}/${name}`);
    await expect
      .poll(() => opened.evaluate(`document.querySelector('#viewer').modelIsVisible === true`), { timeout: SLOW })
      .toBe(true);
    return { pixels: await settled(opened), faults };
  } finally {
    await context.close();
  }
}

/** The viewer's pixels once they stay as they are: what stood in the model's place fades when it comes. */
async function settled(page: Page): Promise<Buffer> {
  let last = Buffer.alloc(0);
  const unchanged = async () => {
    const before = last;
    const picture = await page.locator('#viewer').screenshot();
    last = await sharp(picture).removeAlpha().raw().toBuffer();
    return last.equals(before);
  };
  await expect.poll(unchanged, { timeout: SLOW, interval: 200 }).toBe(true);
  return last;
}

describe('model-viewer', () => {
  it(
    'shows every GLB variant as it shows the plain one',
    async () => {
      const plain = await show('glb');
      expect(plain.faults).toEqual([]);
      const colourful = plain.pixels.filter((_, i) => i % 3 === 0 && spread(plain.pixels, i) > 40).length;
      expect(colourful / (320 * 320)).toBeGreaterThan(0.08);
      for (const name of Object.keys(GLB_VARIANTS) as GlbOutput[]) {
        const { pixels, faults } = await show(name);
        expect(faults, name).toEqual([]);
        const difference = pixels.reduce((sum, value, i) => sum + Math.abs(value - (plain.pixels[i] as number)), 0);
        expect(difference / pixels.length, name).toBeLessThan(3);
      }
    },
    SLOW * 4,
  );
});

/** Between the strongest and the weakest channel of a pixel. */
function spread(pixels: Uint8Array, i: number): number {
  const [r, g, b] = [pixels[i] as number, pixels[i + 1] as number, pixels[i + 2] as number];
  return Math.max(r, g, b) - Math.min(r, g, b);
}
