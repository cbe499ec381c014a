/**
 * Options of ONNX Runtime sessions, decided by how many bytes of weights a graph has.
 *
 * Small weights: let the runtime widen and repack them while it loads, for speed. Large ones: leave them mapped from
 * their file, widen each as it is used; opening then takes a moment instead of a quarter of a minute, and memory stays
 * with the page cache. Figures in bench/networks/RESULTS.md.
 */
import type { InferenceSession } from 'onnxruntime-node';
import type { Graph, WeightRole } from '../graph/graph.ts';
import type { Device } from './device.ts';

/** From this many bytes on weights stay mapped. */
export const MAPPED_WEIGHT_BYTES = 512 * 2 ** 20;

/** Errors only: at the next level the runtime reports every unused initializer. */
const LOG_ERRORS = 3;

/** On CUDA weights go to the device in any case. */
export function weightRole(graph: Pick<Graph, 'weightBytes' | 'weightRole'>, device: Device): WeightRole {
  if (device === 'cuda') {
    return 'constant';
  }
  return graph.weightRole ?? (graph.weightBytes >= MAPPED_WEIGHT_BYTES ? 'mapped' : 'constant');
}

export function sessionOptions(
  graph: Pick<Graph, 'weightsFolder'>,
  device: Device,
  threads: number,
): InferenceSession.SessionOptions {
  const folder = graph.weightsFolder;
  return {
    executionProviders: device === 'cuda' ? ['cuda', 'cpu'] : ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableCpuMemArena: false,
    logSeverityLevel: LOG_ERRORS,
    ...(folder === undefined ? {} : { extra: { session: { model_external_initializers_file_folder_path: folder } } }),
  };
}
