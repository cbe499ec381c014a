/**
 * `/stream/{id}` gives each piece once. The pieces of a job are its stages as they begin, then its output; how far
 * a job has been read is remembered here, per process, as RunPod does per endpoint.
 */
import { isTerminal, runpodState } from '@espalier/contracts';
import { LRUCache } from 'lru-cache';
import type { JobRecord } from '../jobs/job-records.ts';
import type { StreamAnswer } from '../schemas/runpod.ts';
import { outputOf, type RunpodViewOptions } from './runpod-view.ts';

interface Cursor {
  stage?: string;
  ended: boolean;
}

export class StreamCursors {
  readonly #cursors = new LRUCache<string, Cursor>({ max: 10_000 });

  /** True when a call now would give something, or say that the job has ended. */
  hasNews(record: JobRecord): boolean {
    return isTerminal(record.state) || record.status?.stage !== this.#cursors.get(record.id)?.stage;
  }

  async take(record: JobRecord, options: RunpodViewOptions): Promise<StreamAnswer> {
    const { id, status, state } = record;
    const cursor = this.#cursors.get(id) ?? { ended: false };
    const stream: StreamAnswer['stream'] = [];
    if (status?.stage !== undefined && status.stage !== cursor.stage && !cursor.ended) {
      stream.push({ output: { stage: status.stage } });
      cursor.stage = status.stage;
    }
    if (isTerminal(state) && !cursor.ended) {
      cursor.ended = true;
      // A piece is at most 1 MB: the file itself stays where /status or the link gives it.
      const output = state === 'succeeded' ? await outputOf(record, options, false) : undefined;
      if (output !== undefined) stream.push({ output });
    }
    this.#cursors.set(id, cursor);
    return {
      id,
      status: runpodState(state, status),
      stream,
      ...(status?.error !== undefined && { error: status.error.message }),
    };
  }
}
