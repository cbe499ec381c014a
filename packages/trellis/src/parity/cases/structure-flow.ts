import { timestepFeatures } from '../../networks/blocks/index.ts';
import { StructureFlow } from '../../networks/structure-flow.ts';
import { type CaseKind, fromOutputs } from '../parity-case.ts';

/** One forward of `SparseStructureFlowModel`, with its intermediate values. */
export const structureFlow: CaseKind = {
  prefix: 'ss_flow',
  inputs: ['x', 't', 'cond'],
  async *compute({ file, model, settings }) {
    const { config, weightsPath } = (await model()).networks.structureFlow;
    const t = (await file.floats('t')).data[0] ?? Number.NaN;
    yield* fromOutputs({ t_freq: timestepFeatures(t) }, 'features');
    const taps = file.keys.filter((key) => /^(t_emb|h_pos|h_block\d+)$/.test(key));
    const network = await StructureFlow.open(config, weightsPath, { ...settings, taps });
    try {
      yield* fromOutputs(await network.run((await file.floats('x')).data, t, await file.floats('cond')));
    } finally {
      await network.release();
    }
  },
};
