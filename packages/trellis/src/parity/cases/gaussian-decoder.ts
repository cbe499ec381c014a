import { activateGaussians, rawGaussians } from '../../networks/gaussian-activation.ts';
import { GaussianDecoder } from '../../networks/slat-gaussian-decoder.ts';
import { voxelsFromCoords, windows } from '../../sparse/index.ts';
import { type CaseKind, type Computed, fromOutputs } from '../parity-case.ts';

/** `SLatGaussianDecoder` with its intermediate values, and the Gaussians before and behind their activations. */
export const gaussianDecoder: CaseKind = {
  prefix: 'gs_decoder',
  inputs: ['coords', 'slat'],
  async *compute({ file, model, settings }) {
    const network = (await model()).networks.gaussianDecoder;
    if (network === undefined) throw file.invalid('slat_decoder_gs', "the folder's model has no Gaussian decoder");
    const { config, weightsPath } = network;
    const voxels = voxelsFromCoords(await file.integers('coords'), config.resolution);
    for (const block of [0, 1]) {
      const { windowOf, lengths } = windows(voxels, config.window_size, block * Math.floor(config.window_size / 2));
      yield { key: `win${block}`, kind: 'exact', data: windowOf };
      yield { key: `win${block}_len`, kind: 'exact', data: lengths };
    }
    const taps = file.keys.filter((key) => /^blocks\.\d+$/.test(key));
    const decoder = await GaussianDecoder.open(config, weightsPath, { ...settings, taps });
    try {
      const { data, shape } = decoder.perturbation;
      yield { key: 'offset_perturbation', kind: 'module', data, shape };
      const outputs = await decoder.run(voxels, (await file.floats('slat')).data);
      yield* fromOutputs(outputs);
      yield* gaussianTensors(outputs.h?.data as Float32Array, voxels, decoder);
    } finally {
      await decoder.release();
    }
  },
};

/** The Gaussians under the names that cases give them. */
export function* gaussianTensors(
  h: Float32Array,
  voxels: Int32Array,
  { config, perturbation }: Pick<GaussianDecoder, 'config' | 'perturbation'>,
  keyOf: (name: string) => string = (name) => name,
): Generator<Computed> {
  const raw = rawGaussians(h, voxels, config, perturbation.data);
  const gaussians = activateGaussians(structuredClone(raw), config.representation_config);
  const named: Record<string, Float32Array> = {
    _xyz: raw.xyz,
    _features_dc: raw.featuresDc,
    _scaling: raw.scaling,
    _rotation: raw.rotation,
    _opacity: raw.opacity,
    get_xyz: gaussians.positions,
    get_scaling: gaussians.scales,
    get_rotation: gaussians.rotations,
    get_opacity: gaussians.opacities,
  };
  for (const [name, data] of Object.entries(named)) yield { key: keyOf(name), kind: 'module', data };
}
