/**
 * The thread of the inference process in which meshes are extracted: seconds at full size, in which the networks of the
 * next job run. It holds geometry alone: a thread that is ended while ONNX Runtime runs in it takes the process along, and
 * ending it is how an extraction is stopped.
 */
import { silentLogger } from '@espalier/contracts';
import type { RawMesh, SparseVoxels } from '@espalier/geometry';
import { CpuPool, type CpuRunOptions } from '../cpu/cpu-pool.ts';
import { buffersOf, withOwnBuffer } from '../cpu/moved-arrays.ts';

export interface ExtractionOptions extends Pick<CpuRunOptions, 'signal' | 'onBegin' | 'onProgress'> {
  readonly fillEnclosed: boolean;
}

export interface Extraction {
  readonly mesh: RawMesh;
  /** The memory that was given, back from the thread and of no further use to it. */
  readonly cells: SparseVoxels;
}

export class SurfaceThread {
  readonly #pool = new CpuPool({ size: 1, resident: true, logger: silentLogger });

  /** Starts the thread, if it is not there. */
  start(): void {
    this.#pool.start();
  }

  /**
   * One after the other, in order. Takes the cells' memory, the whole of their buffers: the arrays are empty from then on.
   * When it fails or is cancelled, that memory is lost.
   *
   * @throws CancelledError when `signal` fires: at once, whatever the thread does
   * @throws RetryableError CPU_WORKER_CRASHED, OUT_OF_MEMORY, CPU_TASK_FAILED
   * @throws TerminalError what `extractSurface` throws
   */
  extract(cells: SparseVoxels, { fillEnclosed, ...options }: ExtractionOptions): Promise<Extraction> {
    const moving = { ...cells, coords: withOwnBuffer(cells.coords), features: withOwnBuffer(cells.features) };
    return this.#pool.run('extract', { cells: moving, fillEnclosed }, { ...options, moved: buffersOf(moving) });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
