/** What is opened once and serves all jobs: the model's description, the inference process, the CPU pool. */
import { type Device, type Logger, silentLogger } from '@espalier/contracts';
import { ModelRepository } from '@espalier/trellis';
import { LRUCache } from 'lru-cache';
import { CpuPool } from '../cpu/cpu-pool.ts';
import { InferenceProcess } from '../inference/inference-process.ts';
import { type Networks, RemoteNetworks } from '../inference/networks.ts';
import type { ModelFacts } from '../stages/stage.ts';
import { modelFactsOf } from './model-facts.ts';

export interface RuntimeOptions {
  /** Model folder in the published layout, or `Org/Repo` of one in the Hugging Face cache. */
  readonly model: string;
  /** What the model is, where it need not be: nothing of it is opened, and jobs that want its networks fail. */
  readonly facts?: ModelFacts | undefined;
  /** @defaultValue 'auto' */
  readonly device?: Device;
  /** Threads of one network call. @defaultValue the runtime's choice */
  readonly threads?: number | undefined;
  /** Threads of the CPU lane. `MAX_JOBS`. @defaultValue 1 */
  readonly cpuWorkers?: number;
  readonly huggingFaceHome?: string | undefined;
  /** Folder in which content digests of weights are remembered. @defaultValue none: they are read at every start */
  readonly digestCache?: string | undefined;
  /** An idle inference process is closed after this long, and its memory given back. @defaultValue never */
  readonly idleMs?: number | undefined;
  /** See `InferenceOptions.cancelGraceMs`. */
  readonly cancelGraceMs?: number | undefined;
  readonly logger?: Logger;
}

export interface PipelineRuntime {
  readonly model: ModelFacts;
  readonly inference: InferenceProcess;
  readonly networks: Networks;
  readonly cpu: CpuPool;
  /** Digests of `condition` recipes that were stored or found here lately. */
  readonly conditions: LRUCache<string, true>;
  /** Ends the process and the threads. */
  close(): Promise<void>;
}

const CONDITIONS_MAX = 1000;

/**
 * Reads what the model is; starts no process yet: jobs whose checkpoints exist need none.
 *
 * @throws TerminalError MODEL_NOT_FOUND, MODEL_FILE_MISSING, MODEL_FILE_INVALID, MODEL_UNSUPPORTED, MODEL_INCONSISTENT
 */
export async function openRuntime(options: RuntimeOptions): Promise<PipelineRuntime> {
  const { device = 'auto', cpuWorkers = 1, logger = silentLogger, huggingFaceHome, digestCache } = options;
  const open = async () => {
    const repository = await ModelRepository.open(options.model, { huggingFaceHome, digestCache, logger });
    return { folder: repository.folder, facts: await modelFactsOf(repository) };
  };
  const { folder, facts } =
    options.facts === undefined ? await open() : { folder: options.model, facts: options.facts };
  const inference = new InferenceProcess({
    folder,
    device,
    threads: options.threads,
    huggingFaceHome,
    logger,
    idleMs: options.idleMs,
    cancelGraceMs: options.cancelGraceMs,
  });
  const cpu = new CpuPool({ size: cpuWorkers, logger });
  return {
    model: facts,
    inference,
    networks: new RemoteNetworks(inference),
    cpu,
    conditions: new LRUCache({ max: CONDITIONS_MAX }),
    close: async () => {
      await Promise.all([inference.close(), cpu.close()]);
    },
  };
}
