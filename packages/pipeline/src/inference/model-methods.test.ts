import { extractSurface } from '@espalier/geometry';
import { float32, floatToHalf, int32, TorchGenerator } from '@espalier/tensors';
import { TrellisModel } from '@espalier/trellis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { TINY_MODEL } from '../../test/tiny-job.ts';
import { meshTensors } from '../stages/meshes.ts';
import { ModelMethods, type ModelMethodsOptions } from './model-methods.ts';
import type { CallContext } from './serve.ts';

const settings = { device: 'cpu', threads: 1 } as const;
/** A block of 3 x 3 x 3 voxels. */
const voxels = Array.from({ length: 27 }, (_, i) => [
  0,
  6 + (i % 3),
  7 + (Math.floor(i / 3) % 3),
  8 + Math.floor(i / 9),
]);
const coords = int32([27, 4], Int32Array.from(voxels.flat()));
const latent = float32([27, 8], new TorchGenerator(7).randn(27 * 8));

let direct: TrellisModel;
beforeAll(async () => {
  direct = await TrellisModel.open(TINY_MODEL, settings);
});
afterAll(() => direct.release());

async function decode(options: ModelMethodsOptions = {}) {
  const methods = new ModelMethods(options);
  onTestFinished(() => methods.close());
  await methods.open({ folder: TINY_MODEL, ...settings });
  const told: (number | 'device free')[] = [];
  const context: CallContext = {
    tensors: { coords, latent },
    signal: new AbortController().signal,
    onStep: (step) => void told.push(step),
    onSave: () => Promise.reject(new Error('decoding saves nothing')),
    onDeviceFree: () => void told.push('device free'),
    pause: () => new Promise((resolve) => void setImmediate(resolve)),
  };
  return { told, ...(await methods.decode({ fill_enclosed: true, gaussians: true }, context)) };
}

describe('decoding', () => {
  it('gives what networks and geometry give by themselves, byte for byte', async () => {
    const cells = await direct.decodeMesh({ coords, slat: latent });
    const mesh = extractSurface({ ...cells, fillEnclosed: true });
    const { count, ...splats } = await direct.decodeGaussians({ coords, slat: latent });
    const half = (shape: number[], values: Float32Array) =>
      ({ dtype: 'F16', shape, data: floatToHalf(values) }) as const;
    expect(mesh.indices.length).toBeGreaterThan(0);
    expect(count).toBeGreaterThan(0);
    const { tensors, value } = await decode({ overlapsOn: () => true });
    expect(value).toEqual({ resolution: cells.resolution });
    expect(tensors).toEqual({
      ...meshTensors(mesh),
      'gaussians.positions': float32([count, 3], splats.positions),
      'gaussians.sh0': half([count, 3], splats.sh0),
      'gaussians.scales': half([count, 3], splats.scales),
      'gaussians.rotations': half([count, 4], splats.rotations),
      'gaussians.opacities': half([count], splats.opacities),
    });
  });

  it('is done with the device before the surface begins, and says so where that helps anybody', async () => {
    const { told } = await decode({ overlapsOn: (device) => device === 'cpu' });
    expect(told.filter((entry) => entry === 'device free')).toHaveLength(1);
    const [networks, surface] = [
      told.slice(0, told.indexOf('device free')),
      told.slice(told.indexOf('device free') + 1),
    ];
    expect(networks.at(-1)).toBe(80);
    expect(surface.at(-1)).toBe(100);
    const shares = told.filter((entry) => entry !== 'device free');
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect((await decode()).told, 'on the cores that extract it').not.toContain('device free');
  });
});
