/** The GPU: whether there is one, whether CUDA's libraries load, and whether its memory is enough. */
import type { Device } from '@espalier/contracts';
import { broken, brokenBy, type Finding, ok, skipped, warning } from './finding.ts';

/** The TRELLIS RunPod worker's table of GPUs; see docs/cost.md. Memory in GiB. */
export const GPU_TABLE = [
  { gpu: 'A6000', memory: 48, verdict: 'optimal' },
  { gpu: 'A5000', memory: 24, verdict: 'recommended' },
  { gpu: 'A4000', memory: 16, verdict: 'minimum' },
] as const;

export interface Gpu {
  readonly name: string;
  /** MiB. */
  readonly memory: number;
  readonly driver: string;
}

export interface GpuDeps {
  /** Runs `nvidia-smi`; undefined where there is none. */
  readonly nvidiaSmi: (args: readonly string[]) => Promise<string | undefined>;
  /** Whether ONNX Runtime's CUDA provider was installed. */
  readonly cudaInstalled: () => boolean;
  /** Runs a small graph on CUDA. Throws where it cannot. */
  readonly tryCuda: () => Promise<void>;
}

const QUERY = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader,nounits'] as const;

/** @param device as it is configured. @param heavy whether the model is one of the published size */
export async function checkGpu(device: Device, heavy: boolean, deps: GpuDeps): Promise<Finding[]> {
  if (device === 'cpu') return [ok('gpu', 'not looked for: the device is cpu')];
  const wanted = device === 'cuda';
  const findings: Finding[] = [];
  const missing = (check: string, message: string, remedy: string) =>
    findings.push(wanted ? broken(check, message, remedy) : skipped(check, message, remedy));
  const listing = await deps.nvidiaSmi(QUERY);
  const gpus = listing === undefined ? [] : parseGpus(listing);
  if (gpus.length === 0) {
    missing(
      'gpu',
      listing === undefined ? 'no NVIDIA driver: nvidia-smi is not there' : 'nvidia-smi lists no GPU',
      'on a machine with a GPU install its driver, and start containers with --gpus all; else set ESPALIER_DEVICE=cpu',
    );
  }
  for (const gpu of gpus) findings.push(memoryFinding(gpu, heavy));
  if (!deps.cudaInstalled()) {
    missing(
      'cuda',
      "ONNX Runtime's CUDA provider is not installed",
      'run ONNXRUNTIME_NODE_INSTALL=1 node node_modules/onnxruntime-node/script/install, or use the GPU image',
    );
  } else if (gpus.length > 0 || wanted) {
    try {
      await deps.tryCuda();
      findings.push(ok('cuda', 'CUDA and cuDNN load: a graph ran on the GPU'));
    } catch (thrown) {
      const finding = brokenBy(
        'cuda',
        thrown,
        'install the CUDA 12 and cuDNN 9 runtime libraries and put them on LD_LIBRARY_PATH',
      );
      findings.push(wanted ? finding : { ...finding, level: 'warning' });
    }
  }
  return findings;
}

/** Lines of `name, MiB, driver`. */
export function parseGpus(listing: string): Gpu[] {
  return listing
    .split('\n')
    .map((line) => line.split(',').map((cell) => cell.trim()))
    .flatMap(([name, memory, driver]) =>
      name !== undefined && driver !== undefined && /^\d+$/.test(memory ?? '')
        ? [{ name, memory: Number(memory), driver }]
        : [],
    );
}

function memoryFinding({ name, memory, driver }: Gpu, heavy: boolean): Finding {
  const what = `${name}, ${(memory / 1024).toFixed(0)} GiB, driver ${driver}`;
  // Cards report a little less than they are sold as.
  const row = GPU_TABLE.find((candidate) => memory >= candidate.memory * 1024 * 0.92);
  if (row !== undefined) return ok('gpu.memory', `${what}: ${row.verdict} (like ${row.gpu})`);
  const least = GPU_TABLE.at(-1)?.memory;
  const remedy = `use a GPU with ${least} GiB or more (A4000 or better), or a smaller model`;
  return heavy
    ? broken('gpu.memory', `${what}: less than the ${least} GiB that the published models need`, remedy)
    : warning('gpu.memory', `${what}: enough for the bundled model only`, remedy);
}
