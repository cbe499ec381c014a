import { SLatFlow } from '../../networks/slat-flow.ts';
import { denormalise } from '../../networks/slat-normalization.ts';
import { coordsFromVoxels, voxelsFromCoords } from '../../sparse/index.ts';
import { type CaseKind, fromOutputs } from '../parity-case.ts';
import { SampleRecord, samplerOf } from '../sample-record.ts';

/** One forward of `SLatFlowModel` with its intermediate values, then a whole sampling of the structured latent. */
export const latentFlow: CaseKind = {
  prefix: 'slat_flow',
  inputs: ['coords', 'x', 't', 'cond', 'neg_cond'],
  async *compute({ file, model, settings }) {
    const { networks, pipeline } = await model();
    const { config, weightsPath } = networks.latentFlow;
    const cond = await file.floats('cond');
    const x = (await file.floats('x')).data;
    const taps = file.keys.filter((key) => /^(t_emb|h_in|h_pos|(input_|out_)?blocks\.\d+)$/.test(key));
    const flow = await SLatFlow.open(config, weightsPath, { ...settings, taps });
    const tables = flow.tables(voxelsFromCoords(await file.integers('coords'), config.resolution));
    try {
      const { data, shape } = coordsFromVoxels(tables.coarsest);
      yield { key: 'coarse_coords', kind: 'exact', data, shape };
      const t = (await file.floats('t')).data[0] ?? Number.NaN;
      yield* fromOutputs(await flow.run(x, t, cond, tables));
    } finally {
      await flow.release();
    }

    const sampler = samplerOf(pipeline.slat_sampler, file.parameter('params'), file);
    const record = new SampleRecord(sampler);
    yield* record.schedule();
    const plain = await SLatFlow.open(config, weightsPath, settings);
    try {
      const sample = await sampler.sample({
        velocities: (at, t, conditions) => plain.velocities(at, t, conditions, tables),
        cond,
        negative: await file.floats('neg_cond'),
        start: x,
        onStep: (step) => record.add(step),
      });
      yield* record.samples();
      yield { key: 'slat_norm', kind: 'sampled', data: sample };
      yield { key: 'slat', kind: 'sampled', ...denormalise(sample, pipeline.slat_normalization) };
    } finally {
      await plain.release();
    }
  },
};
