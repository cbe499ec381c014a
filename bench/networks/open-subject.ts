/** Opens the network of a case and binds its inputs: what comes back is one run. */
import type { Tensor } from '@espalier/tensors';
import {
  ClipTextEncoder,
  GaussianDecoder,
  MeshDecoder,
  parseNetworkArgs,
  SLatFlow,
  StructureDecoder,
  StructureFlow,
} from '@espalier/trellis/networks';
import { LATENT_RESOLUTION, type NetworkCase } from './cases.ts';

/**
 * @param stem Path of the checkpoint without its ending.
 * @returns Runs the network once and gives its output. Index tables of the flow model belong to a job, not to a step:
 *   they are made here. Those of the decoders are made in each run.
 */
export async function openSubject(
  { network, args }: NetworkCase,
  stem: string,
  inputs: Readonly<Record<string, Tensor>>,
  threads: number,
): Promise<() => Promise<Float32Array>> {
  const weights = `${stem}.safetensors`;
  const options = { device: 'cpu', threads } as const;
  const floats = (key: string) => inputs[key]?.data as Float32Array;
  const voxels = inputs.voxels?.data as Int32Array;
  const cond = inputs.cond as Tensor<Float32Array>;
  const time = () => floats('t')[0] as number;
  switch (network) {
    case 'CLIPTextModel': {
      const encoder = await ClipTextEncoder.open({ configPath: `${stem}.json`, weightsPath: weights }, options);
      return async () => (await encoder.encode(inputs.ids?.data as Int32Array)).data;
    }
    case 'SparseStructureFlowModel': {
      const flow = await StructureFlow.open(parseNetworkArgs(network, args, stem), weights, options);
      return async () => (await flow.velocities(floats('x'), time(), [cond]))[0] as Float32Array;
    }
    case 'SparseStructureDecoder': {
      const config = parseNetworkArgs(network, args, stem);
      const decoder = await StructureDecoder.open(config, LATENT_RESOLUTION, weights, options);
      return async () => (await decoder.run(floats('z'))).logits?.data as Float32Array;
    }
    case 'SLatFlowModel': {
      const flow = await SLatFlow.open(parseNetworkArgs(network, args, stem), weights, options);
      const tables = flow.tables(voxels);
      return async () => (await flow.velocities(floats('x'), time(), [cond], tables))[0] as Float32Array;
    }
    case 'SLatGaussianDecoder': {
      const decoder = await GaussianDecoder.open(parseNetworkArgs(network, args, stem), weights, options);
      return async () => (await decoder.run(voxels, floats('x'))).h?.data as Float32Array;
    }
    case 'SLatMeshDecoder': {
      const decoder = await MeshDecoder.open(parseNetworkArgs(network, args, stem), weights, options);
      return async () => (await decoder.decode(voxels, floats('x'))).features;
    }
    default:
      throw new Error(`no network is called ${network}`);
  }
}
