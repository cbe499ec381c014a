import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CancelledError, LostClaimError, sha256 } from '@espalier/contracts';
import { extractSurface } from '@espalier/geometry';
import { decodeSafetensors, float32, type Tensor, TorchGenerator, writeSafetensors } from '@espalier/tensors';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CLIP_GOLDENS } from '../test/support/clip-goldens.ts';
import type { SamplerState, SamplerStep } from './samplers/index.ts';
import { type EncodedText, type SamplingRequest, type SamplingStart, TrellisModel } from './trellis-model.ts';

const TINY = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));
const PROMPT = 'A wooden treasure chest';
/** Few steps: what is tested does not depend on their number. */
const params = { steps: 4 };

const digest = (array: Float32Array | Int32Array | Uint32Array) =>
  sha256(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));

let model: TrellisModel;
let text: EncodedText;
beforeAll(async () => {
  model = await TrellisModel.open(TINY, { device: 'cpu', threads: 1 });
  text = await model.encodeText(PROMPT);
});
afterAll(() => model.release());

/** The bundled model changed in a folder of its own. */
let folder: string | undefined;
afterEach(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  folder = undefined;
});
async function changedModel(): Promise<string> {
  folder = await mkdtemp(join(tmpdir(), 'model-'));
  await cp(TINY, folder, { recursive: true });
  return folder;
}
async function rewriteJson(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, 'utf8')));
}

type Start = SamplingStart & Pick<SamplingRequest, 'onStep'>;

/** Samples twice: at one go, and from a state saved in the middle. */
async function sampledBothWays(
  sample: (start: Start) => Promise<Tensor<Float32Array>>,
  generator: TorchGenerator,
): Promise<[Tensor<Float32Array>, Tensor<Float32Array>]> {
  const states: SamplerState[] = [];
  const onStep = ({ state }: SamplerStep) => void states.push({ step: state.step, sample: state.sample.slice() });
  const whole = await sample({ generator, onStep });
  expect(states.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  return [whole, await sample({ resume: states[1] as SamplerState })];
}

describe('TrellisModel', () => {
  it('takes a prompt to a mesh, and resumed in the middle of either sampler to the same bytes', async () => {
    expect(text.report).toMatchObject({ tokens: 6, used: 6, truncated: false, unknownWords: [] });
    expect(text.cond.shape).toEqual([1, 77, 64]);
    expect(digest(text.cond.data)).not.toBe(digest(text.negative.data));

    const generator = new TorchGenerator(42);
    const common = { cond: text.cond, negative: text.negative, params };
    const structures = await sampledBothWays((start) => model.sampleStructure({ ...common, ...start }), generator);
    expect(structures[0].shape).toEqual([1, 8, 8, 8, 8]);
    expect(digest(structures[1].data)).toBe(digest(structures[0].data));
    const coords = await model.decodeStructure(structures[0]);

    const latents = await sampledBothWays((start) => model.sampleLatent({ ...common, coords, ...start }), generator);
    expect(latents[0].shape).toEqual([coords.shape[0], 8]);
    expect(digest(latents[1].data)).toBe(digest(latents[0].data));

    const cells = await model.decodeMesh({ coords, slat: latents[0] });
    expect(cells.resolution).toBe(128);
    expect(cells.coords.length / 3).toBe((coords.shape[0] ?? 0) * 64);
    const mesh = extractSurface(cells);
    expect(mesh.indices.length).toBeGreaterThan(0);
    const again = extractSurface(await model.decodeMesh({ coords, slat: latents[1] }));
    expect(digest(again.positions)).toBe(digest(mesh.positions));
    expect(digest(again.indices)).toBe(digest(mesh.indices));
    model.giveBackCells(cells);
    expect(cells.features.length).toBe(0);
    // Nothing of the surface stood in what was given back.
    expect(digest(again.attributes)).toBe(digest(mesh.attributes));

    const gaussians = await model.decodeGaussians({ coords, slat: latents[0] });
    expect(gaussians.count).toBe((coords.shape[0] ?? 0) * 8);
    expect(gaussians.opacities.every((value) => value > 0 && value < 1)).toBe(true);
  });

  it('draws structure and latent from one stream, in this order', async () => {
    const generator = new TorchGenerator(3);
    const request = { cond: text.cond, negative: text.negative, params: { steps: 1 } };
    const latent = await model.sampleStructure({ ...request, generator });
    const coords = await model.decodeStructure(latent);
    const before = generator.state();
    await model.sampleLatent({ ...request, coords, generator });
    const reference = new TorchGenerator(3);
    reference.randn(8 * 8 ** 3);
    expect(before).toEqual(reference.state());
    reference.randn((coords.shape[0] ?? 0) * 8);
    expect(generator.state()).toEqual(reference.state());
  });

  it('stops between two steps of a sampler', async () => {
    const controller = new AbortController();
    let steps = 0;
    const run = model.sampleStructure({
      cond: text.cond,
      negative: text.negative,
      params,
      generator: new TorchGenerator(1),
      signal: controller.signal,
      onStep: () => {
        if (++steps === 2) controller.abort();
      },
    });
    await expect(run).rejects.toBeInstanceOf(CancelledError);
    expect(steps).toBe(2);
  });

  it('stops between two calls of the mesh decoder, and tells how far it is until then', async () => {
    const coords = { dtype: 'I32', shape: [1, 4], data: Int32Array.of(0, 3, 4, 5) } as const;
    const slat = float32([1, 8], new TorchGenerator(5).randn(8));
    const shares: number[] = [];
    await model.decodeMesh({ coords, slat, onProgress: (share) => void shares.push(share) });
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares[0]).toBe(0);
    expect(shares.at(-1)).toBeCloseTo(1, 6);

    const controller = new AbortController();
    const reason = new LostClaimError('another worker owns the job');
    // Aborted from a timer: the decoder has to let the event loop turn for it to be heard.
    setImmediate(() => controller.abort(reason));
    const seen: number[] = [];
    const run = model.decodeMesh({
      coords,
      slat,
      signal: controller.signal,
      onProgress: (share) => void seen.push(share),
    });
    await expect(run).rejects.toBe(reason);
    expect(seen.length).toBeLessThan(shares.length);
  });

  it('refuses what cannot be gone on from', async () => {
    const request = { cond: text.cond, negative: text.negative };
    const short = model.sampleStructure({ ...request, resume: { step: 1, sample: new Float32Array(7) } });
    await expect(short).rejects.toMatchObject({ code: 'SAMPLER_STATE_INVALID' });
    const outside = { dtype: 'I32', shape: [1, 4], data: Int32Array.of(0, 3, 32, 5) } as const;
    const slat = float32([1, 8], new Float32Array(8));
    await expect(model.decodeMesh({ coords: outside, slat })).rejects.toMatchObject({ code: 'BAD_VOXELS' });
    await expect(model.decodeGaussians({ coords: outside, slat })).rejects.toMatchObject({ code: 'BAD_VOXELS' });
    const generator = new TorchGenerator(1);
    await expect(model.sampleLatent({ ...request, coords: outside, generator })).rejects.toMatchObject({
      code: 'BAD_VOXELS',
    });
  });

  it('opens its networks again after a release', async () => {
    const other = await TrellisModel.open(TINY, { device: 'cpu', threads: 1 });
    const first = await other.encodeText(PROMPT);
    await other.release();
    const second = await other.encodeText(PROMPT);
    expect(digest(second.cond.data)).toBe(digest(first.cond.data));
    await other.release();
  });

  it('says so when nothing is occupied', async () => {
    const path = await changedModel();
    const weights = join(path, 'ckpts/ss_dec_conv3d_8l8_fp16.safetensors');
    await rewriteTensors(weights, (tensors) => {
      const bias = tensors.get('out_layer.2.bias') as Tensor;
      tensors.set('out_layer.2.bias', { ...bias, data: Float32Array.of(-1e4) });
    });
    const empty = await TrellisModel.open(path, { device: 'cpu', threads: 1 });
    await expect(empty.decodeStructure(float32([1, 8, 8, 8, 8], new Float32Array(4096)))).rejects.toMatchObject({
      code: 'STRUCTURE_EMPTY',
    });
    await empty.release();
  });

  it('gives grey cells for a model without colour, the same geometry otherwise', async () => {
    const path = await changedModel();
    const stem = join(path, 'ckpts/slat_dec_mesh_swin8_tiny_32l8m128c_fp16');
    await rewriteJson(`${stem}.json`, (json) => json.replace('"use_color": true', '"use_color": false'));
    await rewriteTensors(`${stem}.safetensors`, (tensors) => {
      for (const key of ['out_layer.weight', 'out_layer.bias']) {
        const { dtype, shape, data } = tensors.get(key) as Tensor<Float32Array>;
        const width = data.length / 101;
        tensors.set(key, { dtype, shape: [53, ...shape.slice(1)], data: data.slice(0, 53 * width) });
      }
    });
    const grey = await TrellisModel.open(path, { device: 'cpu', threads: 1 });
    const coords = { dtype: 'I32', shape: [1, 4], data: Int32Array.of(0, 3, 4, 5) } as const;
    const slat = float32([1, 8], new TorchGenerator(5).randn(8));
    const [coloured, plain] = [await model.decodeMesh({ coords, slat }), await grey.decodeMesh({ coords, slat })];
    expect(plain.features.length).toBe(64 * 101);
    for (let row = 0; row < 64; row++) {
      const [a, b] = [coloured, plain].map(({ features }) => features.subarray(row * 101, (row + 1) * 101));
      expect(b?.subarray(0, 53)).toEqual(a?.subarray(0, 53));
      expect(b?.subarray(53).every((value) => value === 0)).toBe(true);
    }
    await grey.release();
  });

  it('does without a Gaussian decoder, and refuses a text encoder of another width', async () => {
    const path = await changedModel();
    await rewriteJson(join(path, 'pipeline.json'), (json) =>
      json.replace(/"slat_decoder_gs": "[^"]+",\s*/, '').replace('"text_encoder"', '"encoder"'),
    );
    await cp(join(CLIP_GOLDENS, 'two-towers'), join(path, 'encoder'), { recursive: true });
    const other = await TrellisModel.open(path, { device: 'cpu', threads: 1 });
    expect(other.description.hasGaussians).toBe(false);
    const coords = { dtype: 'I32', shape: [1, 4], data: Int32Array.of(0, 3, 4, 5) } as const;
    const slat = float32([1, 8], new Float32Array(8));
    await expect(other.decodeGaussians({ coords, slat })).rejects.toMatchObject({ code: 'MODEL_WITHOUT_GAUSSIANS' });
    await expect(other.encodeText(PROMPT)).rejects.toMatchObject({
      code: 'MODEL_INCONSISTENT',
      message: expect.stringMatching(/32 channels.*64/),
    });
    await other.release();
  });
});

async function rewriteTensors(path: string, change: (tensors: Map<string, Tensor>) => void): Promise<void> {
  const { tensors } = decodeSafetensors(new Uint8Array(await readFile(path)), path);
  change(tensors);
  await writeSafetensors(path, tensors);
}
