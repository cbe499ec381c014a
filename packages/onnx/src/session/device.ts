/**
 * Which execution provider runs a graph.
 *
 * `cuda` means CUDA or an error. `auto` means CUDA where it loads, else the CPU, with a log line that says why.
 * Nothing is probed by trial on machines without the provider's library: its absence is the answer.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TerminalError } from '@espalier/contracts';

/** What a user asks for. */
export type DeviceChoice = 'auto' | 'cuda' | 'cpu';
/** What a session runs on. */
export type Device = 'cuda' | 'cpu';

const CUDA_REMEDY =
  'On a machine with an NVIDIA GPU: run `ONNXRUNTIME_NODE_INSTALL=1 node node_modules/onnxruntime-node/script/install`, ' +
  'install the CUDA 12 and cuDNN 9 runtime libraries, and put them on LD_LIBRARY_PATH. Or choose the device `cpu`.';

/** The devices to try, in order. */
export function devicesFor(choice: DeviceChoice, cudaInstalled: boolean): readonly Device[] {
  if (choice === 'cpu') {
    return ['cpu'];
  }
  if (choice === 'cuda') {
    return ['cuda'];
  }
  return cudaInstalled ? ['cuda', 'cpu'] : ['cpu'];
}

/** True when ONNX Runtime's CUDA provider lies beside the binding. Whether it loads is another question. */
export function isCudaInstalled(): boolean {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const bin = join(root, 'bin');
  const napi = existsSync(bin) ? readdirSync(bin).find((name) => name.startsWith('napi-')) : undefined;
  const library = process.platform === 'win32' ? 'onnxruntime_providers_cuda.dll' : 'libonnxruntime_providers_cuda.so';
  return napi !== undefined && existsSync(join(bin, napi, process.platform, process.arch, library));
}

/**
 * Float32 on CUDA is float32: without this, cuBLAS and cuDNN round products to TF32, which keeps ten bits of each factor,
 * and the runtime's binding has no option against it. Read by NVIDIA's libraries when they are loaded, so it is called
 * before the first session on CUDA; a value that is set stands.
 */
export function keepFloat32Exact(environment: NodeJS.ProcessEnv): void {
  environment.NVIDIA_TF32_OVERRIDE ??= '0';
}

/** Whether float32 is to be kept, as {@link keepFloat32Exact} has it unless it was set otherwise. */
export function isFloat32Exact(environment: NodeJS.ProcessEnv): boolean {
  return environment.NVIDIA_TF32_OVERRIDE === '0';
}

/** The error for a device that was asked for by name and is not there. */
export function deviceUnavailable(cause: unknown): TerminalError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TerminalError(`device 'cuda' cannot be used: ${reason}`, {
    code: 'DEVICE_UNAVAILABLE',
    field: 'device',
    remedy: CUDA_REMEDY,
    cause,
  });
}
