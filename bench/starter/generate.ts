/** Captions through the very pipeline that users run, each in a bucket of its own that is thrown away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JobStats, parseJob } from '@espalier/contracts';
import { inspectTopology } from '@espalier/geometry';
import { openRuntime, type PipelineRuntime, runJob } from '@espalier/pipeline';
import { CHECKPOINTS_PREFIX, FolderStore } from '@espalier/storage';
import { decodeSafetensors, TorchGenerator } from '@espalier/tensors';
import { MODEL } from './captions.ts';
import { occupancyBits } from './judge.ts';

export interface Request {
  readonly prompt: string;
  readonly seed: number;
  readonly textureSize: number;
  readonly bakeFrom?: 'gaussians' | 'vertices';
  readonly signal?: AbortSignal;
}

interface StructureRequest {
  readonly prompt: string;
  readonly seed: number;
  readonly cfgStrength?: number;
  readonly signal?: AbortSignal;
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

/** Runs `use` with one runtime of the bundled model a worker; several workers have one thread each. */
export async function withRuntimes<T>(workers: number, use: (runtimes: readonly PipelineRuntime[]) => Promise<T>) {
  const threads = workers > 1 ? 1 : undefined;
  const runtimes: PipelineRuntime[] = [];
  try {
    for (let worker = 0; worker < workers; worker++) runtimes.push(await openStarter(threads));
    return await use(runtimes);
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.close()));
  }
}

/** The bundled model as a runtime. */
export function openStarter(threads?: number): Promise<PipelineRuntime> {
  return openRuntime({ model: fileURLToPath(MODEL), device: 'cpu', threads, cpuWorkers: 1 });
}

/** The structure stage alone, with a strength of guidance of one's own: occupied voxels, none where nothing came. */
export async function makeStructure(
  { networks, model }: PipelineRuntime,
  { prompt, seed, cfgStrength, signal = new AbortController().signal }: StructureRequest,
): Promise<Uint32Array> {
  const { cond, negative } = await networks.encodeText(prompt, signal);
  const own = model.samplers.structure;
  const { coords } = await networks.sampleStructure(
    { cond, negative },
    {
      params: { ...own, cfg_strength: cfgStrength ?? own.cfg_strength },
      from: new TorchGenerator(seed).state(),
      saveEveryMs: Number.MAX_SAFE_INTEGER,
      signal,
      onStep: () => {},
      onSave: async () => {},
    },
  );
  return occupancyBits(Int16Array.from((coords.data as Int32Array).filter((_, i) => i % 4 !== 0)));
}

export async function make(runtime: PipelineRuntime, request: Request): Promise<Made> {
  const { prompt, seed, textureSize, bakeFrom, signal } = request;
  const folder = await mkdtemp(join(tmpdir(), 'espalier-eval-'));
  try {
    const store = await FolderStore.open(folder);
    const body = { prompt, seed, texture_size: textureSize, ...(bakeFrom !== undefined && { bake_from: bakeFrom }) };
    const job = parseJob(body, { id: 'eval', random: () => seed });
    const { glbKey, stats } = await runJob(job, { store, runtime, signal });
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
