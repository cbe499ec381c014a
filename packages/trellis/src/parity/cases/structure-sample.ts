import { occupiedVoxels, StructureDecoder } from '../../networks/structure-decoder.ts';
import { StructureFlow } from '../../networks/structure-flow.ts';
import { type CaseKind, type Computed, fromOutputs } from '../parity-case.ts';
import { SampleRecord, samplerOf } from '../sample-record.ts';

/** Sampling of the occupancy latent, and its decoding to voxels. */
export const structureSample: CaseKind = {
  prefix: 'ss_sample',
  inputs: ['noise', 'cond', 'neg_cond'],
  async *compute({ file, model, settings }) {
    const { networks, pipeline } = await model();
    const sampler = samplerOf(pipeline.sparse_structure_sampler, file.parameter('params'), file);
    const record = new SampleRecord(sampler);
    yield* record.schedule();

    const flow = await StructureFlow.open(networks.structureFlow.config, networks.structureFlow.weightsPath, settings);
    let latent: Float32Array;
    try {
      latent = await sampler.sample({
        velocities: (x, t, conditions) => flow.velocities(x, t, conditions),
        cond: await file.floats('cond'),
        negative: await file.floats('neg_cond'),
        start: (await file.floats('noise')).data,
        onStep: (step) => record.add(step),
      });
    } finally {
      await flow.release();
    }
    yield* record.samples();
    yield { key: 'z_s', kind: 'sampled', data: latent };

    const { config, weightsPath } = networks.structureDecoder;
    const decoder = await StructureDecoder.open(
      config,
      networks.structureFlow.config.resolution,
      weightsPath,
      settings,
    );
    try {
      const outputs = await decoder.run(latent);
      yield* fromOutputs(outputs);
      yield* voxels(outputs.logits?.data as Float32Array);
    } finally {
      await decoder.release();
    }
  },
};

function* voxels(logits: Float32Array): Generator<Computed> {
  const { data, shape } = occupiedVoxels(logits);
  yield { key: 'coords', kind: 'exact', data, shape };
}
