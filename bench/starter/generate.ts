/** Captions through the very pipeline that users run, each in a bucket of its own that is thrown away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JobStats, parseJob } from '@espalier/contracts';
import { inspectTopology } from '@espalier/geometry';
import { openRuntime, type PipelineRuntime, runJob } from '@espalier/pipeline';
import { CHECKPOINTS_PREFIX, FolderStore } from '@espalier/storage';
import { decodeSafetensors } from '@espalier/tensors';
import { MODEL } from './captions.ts';
import { occupancyBits } from './judge.ts';

export interface Request {
  readonly prompt: string;
  readonly seed: number;
  /** Of both samplers; the model's own where absent. */
  readonly cfgStrength?: number | undefined;
  readonly textureSize?: number;
}

export interface Made {
  readonly glb: Uint8Array;
  readonly stats: JobStats;
  /** 32^3 bits, see `judge.ts`. */
  readonly occupancy: Uint32Array;
  /** Connected components of the exported mesh, and whether it has no open edge. */
  readonly components: number;
  readonly watertight: boolean;
}

/** Runs requests over `workers` inference processes with one thread each. Failures come back as errors, in place. */
export async function makeAll(
  requests: readonly Request[],
  workers: number,
  onDone: (index: number, made: Made | Error) => void | Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    const runtime = await openStarter(workers > 1 ? 1 : undefined);
    try {
      while (next < requests.length) {
        const index = next++;
        const request = requests[index] as Request; // index < length
        const made = await make(runtime, request).catch((error: Error) => error);
        await onDone(index, made);
      }
    } finally {
      await runtime.close();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
}

/** The bundled model as a runtime. */
export function openStarter(threads?: number): Promise<PipelineRuntime> {
  return openRuntime({ model: fileURLToPath(MODEL), device: 'cpu', threads, cpuWorkers: 1 });
}

export async function make(runtime: PipelineRuntime, request: Request): Promise<Made> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-eval-'));
  try {
    const store = await FolderStore.open(folder);
    const { prompt, seed, cfgStrength, textureSize = 512 } = request;
    const sampler = cfgStrength === undefined ? {} : { cfg_strength: cfgStrength };
    const body = { prompt, seed, texture_size: textureSize, sampler: { structure: sampler, latent: sampler } };
    const job = parseJob(body, { id: 'eval', random: () => seed });
    const { glbKey, stats } = await runJob(job, { store, runtime });
    const read = async (key: string): Promise<Uint8Array> => {
      const object = await store.get(key);
      if (object === undefined) throw new Error(`${key} is missing`);
      return object.body;
    };
    const only = async (stage: string) => {
      const { objects } = await store.list(`${CHECKPOINTS_PREFIX}${stage}/`);
      if (objects.length !== 1) throw new Error(`${objects.length} checkpoints of stage ${stage}`);
      return decodeSafetensors(await read(objects[0]?.key ?? ''), stage).tensors;
    };
    const voxels = (await only('structure')).get('voxels')?.data as Int16Array;
    const surface = await only('surface');
    const indices = surface.get('indices')?.data as Int32Array;
    const topology = inspectTopology({
      positions: surface.get('positions')?.data as Float32Array,
      indices: new Uint32Array(indices.buffer, indices.byteOffset, indices.length),
    });
    return {
      glb: await read(glbKey),
      stats,
      occupancy: occupancyBits(voxels),
      components: topology.components,
      watertight: topology.boundaryEdges === 0 && topology.nonManifoldEdges === 0,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
