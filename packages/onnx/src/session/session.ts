/** Runs a graph on ONNX Runtime. With `float32-session.ts` and `session-options.ts` the only module that knows `onnxruntime-node`. */
import { availableParallelism } from 'node:os';
import { ensureError, type Logger, silentLogger, TerminalError } from '@espalier/contracts';
import { bytesOf, dataFromBytes, type Tensor } from '@espalier/tensors';
import * as ort from 'onnxruntime-node';
import type { Graph } from '../graph/graph.ts';
import { dtypeOf, type ElementType, type ValueType } from '../graph/types.ts';
import {
  type Device,
  type DeviceChoice,
  devicesFor,
  deviceUnavailable,
  isCudaInstalled,
  isFloat32Exact,
  keepFloat32Exact,
} from './device.ts';
import { assertFeeds, assertInto } from './feeds.ts';
import { Float32Session, type RunnableSession } from './float32-session.ts';
import { isOutOfMemory, runError } from './run-error.ts';
import { sessionOptions, weightRole } from './session-options.ts';

export interface SessionSettings {
  readonly device: DeviceChoice;
  /** Threads inside an operation. @defaultValue all that the process may use */
  readonly threads?: number;
  readonly logger?: Logger;
}

/**
 * A graph that is ready to run. `run` blocks the event loop while it computes and cannot be stopped: processes that
 * must stay responsive run sessions in a child process.
 */
export interface Session {
  readonly device: Device;
  /** What `run` reads: the graph's inputs without those that are there for other devices alone. */
  readonly inputs: ReadonlyMap<string, ValueType>;
  /**
   * @param feeds Tensors by the names of `inputs`, all of them. The graph's other inputs may be there and are left out.
   * @param into Tensors that outputs of these names are written to. For large outputs: memory that the runtime takes for
   *   each run costs more than to fill it does.
   * @returns Tensors by the names of its outputs, the caller's own; those of `into` are the same objects.
   * @throws TerminalError `FEED_INVALID` naming the input; `INTO_INVALID` naming the output; `GPU_OUT_OF_MEMORY`;
   *   `INFERENCE_FAILED`, also when an output has another shape than the tensor it should be written to.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    into?: Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, Tensor>>;
  /** Gives the memory back. A released session cannot run. */
  release(): Promise<void>;
}

/**
 * @throws TerminalError `DEVICE_UNAVAILABLE` when CUDA was asked for by name and does not load; `GPU_OUT_OF_MEMORY` when
 *   the weights do not fit into the GPU's memory; `SESSION_FAILED` when the runtime refuses the graph or its weights.
 */
export async function openSession(graph: Graph, settings: SessionSettings): Promise<Session> {
  const installed = isCudaInstalled();
  if (settings.device === 'auto' && !installed) {
    settings.logger?.info({ graph: graph.name }, 'the CUDA provider is not installed, the CPU is used');
  }
  return openOnFirst(graph, devicesFor(settings.device, installed), settings);
}

/** Opens the graph on the first of `devices` that can be used. The CPU, where it is tried, is the last. */
export async function openOnFirst(
  graph: Graph,
  devices: readonly Device[],
  settings: Pick<SessionSettings, 'threads' | 'logger'>,
): Promise<Session> {
  const threads = settings.threads ?? availableParallelism();
  const logger = settings.logger ?? silentLogger;
  for (const [i, device] of devices.entries()) {
    if (device === 'cuda') keepFloat32Exact(process.env);
    try {
      return new OrtSession(graph, device, await openRunnable(graph, device, threads, logger));
    } catch (error) {
      if (device === 'cpu') {
        throw new TerminalError(`graph ${graph.name}: cannot be opened: ${ensureError(error).message}`, {
          code: 'SESSION_FAILED',
          cause: error,
        });
      }
      // The device is there and full: neither the way it was installed nor the CPU is what helps.
      if (isOutOfMemory(error)) {
        throw runError(graph.name, device, error);
      }
      if (i === devices.length - 1) {
        throw deviceUnavailable(error);
      }
      logger.warn({ graph: graph.name, reason: ensureError(error).message }, 'CUDA cannot be used, the CPU is');
    }
  }
  throw new TerminalError(`graph ${graph.name}: no device to run on`, { code: 'SESSION_FAILED' });
}

/** On CUDA with the probe, unless whoever starts the process wants TF32. */
async function openRunnable(graph: Graph, device: Device, threads: number, logger: Logger): Promise<RunnableSession> {
  const role = weightRole(graph, device);
  const options = sessionOptions(graph, device, threads);
  if (device === 'cpu' || !isFloat32Exact(process.env)) {
    return ort.InferenceSession.create(graph.encode(role, device), options);
  }
  const model = graph.encode(role, device, true);
  return Float32Session.open(() => ort.InferenceSession.create(model, options), logger.child({ graph: graph.name }));
}

class OrtSession implements Session {
  readonly device: Device;
  readonly inputs: ReadonlyMap<string, ValueType>;
  readonly #graph: Graph;
  readonly #session: RunnableSession;

  constructor(graph: Graph, device: Device, session: RunnableSession) {
    this.#graph = graph;
    this.device = device;
    this.inputs = graph.inputsFor(device);
    this.#session = session;
  }

  async run(
    feeds: Readonly<Record<string, Tensor>>,
    into: Readonly<Record<string, Tensor>> = {},
  ): Promise<Record<string, Tensor>> {
    assertFeeds(this.#graph, this.inputs, feeds);
    assertInto(this.#graph, into);
    const inputs = Object.fromEntries([...this.inputs].map(([name, { type }]) => [name, toOrt(type, feeds[name])]));
    // Null leaves the memory to the runtime.
    const fetches = Object.fromEntries(
      [...this.#graph.outputs].map(([name, { type }]) => [name, name in into ? toOrt(type, into[name]) : null]),
    );
    let results: Readonly<Record<string, ort.OnnxValue>>;
    try {
      results = await this.#session.run(inputs, fetches);
    } catch (error) {
      throw runError(this.#graph.name, this.device, error);
    }
    return Object.fromEntries(
      [...this.#graph.outputs].map(([name, { type }]) => [
        name,
        into[name] ?? fromOrt(type, results[name] as ort.Tensor),
      ]),
    );
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** Tensors have been checked against the graph, so this one is there and of this type. */
function toOrt(type: string, tensor: Tensor | undefined): ort.Tensor {
  return new ort.Tensor(type as 'float32', tensor?.data as Float32Array, tensor?.shape ?? []);
}

function fromOrt(type: ElementType, tensor: ort.Tensor): Tensor {
  const dtype = dtypeOf(type);
  return { dtype, shape: [...tensor.dims], data: dataFromBytes(dtype, bytesOf(tensor.data as Float32Array)) };
}
