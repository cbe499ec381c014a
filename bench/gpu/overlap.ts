/**
 * The GPU's part of whole jobs, from the prompt to the raw mesh and the Gaussians, one after the other and overlapping as
 * a generate lane has them: `overlap.ts MODEL [JOBS]`. One line of JSON for each way; seconds a job behind a first one.
 */
import { silentLogger } from '@espalier/contracts';
import { TorchGenerator } from '@espalier/tensors';
import { ModelRepository } from '@espalier/trellis';
import { InferenceProcess } from '../../packages/pipeline/src/inference/inference-process.ts';
import { RemoteNetworks } from '../../packages/pipeline/src/inference/networks.ts';

const [, , folder = '', jobs = '4'] = process.argv;
const device = (process.env.ESPALIER_DEVICE ?? 'cuda') as 'cuda' | 'cpu';
const { pipeline } = await ModelRepository.open(folder);
const inference = new InferenceProcess({ folder, device, logger: silentLogger });
const networks = new RemoteNetworks(inference);
const signal = new AbortController().signal;

interface Stages {
  structure: number;
  latent: number;
  decode: number;
}

/** @returns when it has left the device, and when it is over: with the seconds that each stage took. */
function job(seed: number): { deviceFree: Promise<void>; ended: Promise<Stages> } {
  let free = (): void => {};
  const deviceFree = new Promise<void>((resolve) => {
    free = resolve;
  });
  const sampling = { saveEveryMs: 1000, signal, onStep: () => {}, onSave: async () => {} };
  const work = async (): Promise<Stages> => {
    const { cond, negative } = await networks.encodeText(`chair number ${seed}`, signal);
    const [began, from] = [performance.now(), new TorchGenerator(seed).state()];
    const structure = { ...sampling, params: pipeline.sparse_structure_sampler.params, from };
    const { coords, generator } = await networks.sampleStructure({ cond, negative }, structure);
    const sampled = performance.now();
    const slat = { ...sampling, params: pipeline.slat_sampler.params, from: generator };
    const { latent } = await networks.sampleLatent({ cond, negative, coords }, slat);
    const refined = performance.now();
    const options = { fillEnclosed: true, gaussians: true, signal, onDeviceFree: free };
    await networks.decode({ coords, latent }, options);
    const over = performance.now();
    return {
      structure: (sampled - began) / 1000,
      latent: (refined - sampled) / 1000,
      decode: (over - refined) / 1000,
    };
  };
  return { deviceFree, ended: work() };
}

await job(0).ended;
for (const overlap of [false, true]) {
  const begun: number[] = [];
  const stages: Stages[] = [];
  let before: Promise<unknown> = Promise.resolve();
  for (let i = 0; i <= Number(jobs); i++) {
    begun.push(performance.now());
    const { deviceFree, ended } = job(1 + i);
    const over = ended.then((seconds) => stages.push(seconds));
    await (overlap ? Promise.all([Promise.race([deviceFree, over]), before]) : over);
    before = over;
  }
  await before;
  const secondsAJob = ((begun.at(-1) ?? 0) - (begun[0] ?? 0)) / 1000 / Number(jobs);
  process.stdout.write(`FIGURES ${JSON.stringify({ overlap, jobs: Number(jobs), secondsAJob, stages })}\n`);
}
await inference.close();
