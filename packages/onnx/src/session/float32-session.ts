/**
 * A session of ONNX Runtime on CUDA that keeps float32. Each session has a handle of cuBLAS, and now and then one pays no
 * heed to `NVIDIA_TF32_OVERRIDE=0`: about one in a hundred on an H200 with CUDA 13.0, all of whose products were rounded to
 * TF32 then (bench/gpu/RESULTS.md). Hence a probe in the first run, and another session where it comes back rounded; else
 * results would differ by their fourth digit from one process to the next, and a resumed job from one that was not.
 */
import type { Logger } from '@espalier/contracts';
import * as ort from 'onnxruntime-node';
import { isKept, PROBE_INPUT, PROBE_OUTPUT, PROBE_SHAPE, probeValues } from '../graph/float32-probe.ts';

/** The part of ONNX Runtime's session that is used. */
export type RunnableSession = Pick<ort.InferenceSession, 'release'> & {
  run(feeds: Feeds, fetches: Fetches): Promise<Readonly<Record<string, ort.OnnxValue>>>;
};
type Feeds = Readonly<Record<string, ort.OnnxValue>>;
type Fetches = Readonly<Record<string, ort.OnnxValue | null>>;

/** Sessions opened after the first. That many rounding ones in a row are no accident. */
const MORE = 4;

export class Float32Session implements RunnableSession {
  readonly #open: () => Promise<RunnableSession>;
  readonly #logger: Logger;
  #session: RunnableSession;
  #proven = false;

  private constructor(open: () => Promise<RunnableSession>, session: RunnableSession, logger: Logger) {
    this.#open = open;
    this.#session = session;
    this.#logger = logger;
  }

  /** @param open Opens a session of the graph, which has the probe. */
  static async open(open: () => Promise<RunnableSession>, logger: Logger): Promise<Float32Session> {
    return new Float32Session(open, await open(), logger);
  }

  async run(feeds: Feeds, fetches: Fetches): Promise<Readonly<Record<string, ort.OnnxValue>>> {
    const fed = { ...feeds, [PROBE_INPUT]: new ort.Tensor('float32', probeValues(), PROBE_SHAPE) };
    for (let more = MORE; !this.#proven; more--) {
      const results = await this.#session.run(fed, { ...fetches, [PROBE_OUTPUT]: null });
      const kept = isKept((results[PROBE_OUTPUT] as ort.Tensor).data as Float32Array);
      this.#proven = kept || more === 0;
      if (!kept) this.#logger.warn({ opened: MORE - more + 1 }, 'cuBLAS rounds float32 to TF32 in this session');
      if (this.#proven) return results;
      await this.#session.release();
      this.#session = await this.#open();
    }
    return this.#session.run(fed, fetches);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
