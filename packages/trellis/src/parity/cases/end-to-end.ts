import { extractSurface } from '@espalier/geometry';
import { TorchGenerator } from '@espalier/tensors';
import { GaussianDecoder } from '../../networks/slat-gaussian-decoder.ts';
import { StructureDecoder } from '../../networks/structure-decoder.ts';
import { voxelsFromCoords } from '../../sparse/index.ts';
import { TrellisModel } from '../../trellis-model.ts';
import { type CaseKind, type Computed, fromOutputs } from '../parity-case.ts';
import { samplerOf } from '../sample-record.ts';
import { meshOf } from './flexicubes.ts';
import { gaussianTensors } from './gaussian-decoder.ts';

/** From seed and text states to mesh and Gaussians, each stage fed with what ours gave before it. */
export const endToEnd: CaseKind = {
  prefix: 'decode_e2e',
  inputs: ['cond', 'neg_cond', 'seed'],
  async *compute({ file, model: open, settings }) {
    const repository = await open();
    const { pipeline, networks } = repository;
    const model = await TrellisModel.of(repository, settings);
    const [seed] = (await file.read('seed')).data;
    const generator = new TorchGenerator(BigInt(seed ?? 0));
    const both = { cond: await file.floats('cond'), negative: await file.floats('neg_cond'), generator };
    const structureParams = samplerOf(pipeline.sparse_structure_sampler, file.parameter('ss_params'), file);
    const latentParams = samplerOf(pipeline.slat_sampler, file.parameter('slat_params'), file);
    try {
      yield {
        key: 'ss_noise',
        kind: 'noise',
        data: upcoming(generator, model.description.structureChannels * model.description.structureResolution ** 3),
      };
      const latent = await model.sampleStructure({ ...both, params: structureParams.config.params });
      yield { key: 'z_s', kind: 'sampled', data: latent.data };
      yield* logitsOf(latent.data);
      const coords = await model.decodeStructure(latent);
      yield { key: 'coords', kind: 'exact', data: coords.data, shape: coords.shape };

      const rows = coords.shape[0] ?? 0;
      yield { key: 'slat_noise', kind: 'noise', data: upcoming(generator, rows * model.description.latentChannels) };
      let normalised = new Float32Array(0);
      const slat = await model.sampleLatent({
        ...both,
        coords,
        params: latentParams.config.params,
        onStep: ({ state }) => {
          normalised = state.sample.slice();
        },
      });
      yield { key: 'slat_norm', kind: 'sampled', data: normalised };
      yield { key: 'slat', kind: 'sampled', data: slat.data };

      const cells = await model.decodeMesh({ coords, slat });
      yield* meshOf(extractSurface({ ...cells, fillEnclosed: false }), 'behindDecoder', 'mesh_');
      yield* gaussiansOf(voxelsFromCoords(coords), slat.data);
    } finally {
      await model.release();
    }

    async function* logitsOf(latent: Float32Array): AsyncGenerator<Computed> {
      const { config, weightsPath } = networks.structureDecoder;
      const decoder = await StructureDecoder.open(
        config,
        networks.structureFlow.config.resolution,
        weightsPath,
        settings,
      );
      yield* fromOutputs(await decoder.run(latent));
      await decoder.release();
    }

    async function* gaussiansOf(voxels: Int32Array, slat: Float32Array): AsyncGenerator<Computed> {
      if (networks.gaussianDecoder === undefined) return;
      const { config, weightsPath } = networks.gaussianDecoder;
      const decoder = await GaussianDecoder.open(config, weightsPath, settings);
      const { h } = await decoder.run(voxels, slat);
      yield* gaussianTensors(h?.data as Float32Array, voxels, decoder, (name) => `gs_${name.replace(/^_/, '')}`);
      await decoder.release();
    }
  },
};

/** What the generator draws next, without drawing it. */
function upcoming(generator: TorchGenerator, count: number): Float32Array {
  return TorchGenerator.restore(generator.state()).randn(count);
}
