/** Many event streams on few jobs, while a worker moves the jobs on: what does each stream see? */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { STAGES } from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';
import { BucketWorker } from '../../services/gateway/test/bucket-worker.ts';

export interface StreamFigures {
  readonly streams: number;
  readonly jobs: number;
  /** Streams that saw the job succeed and then the end. */
  readonly complete: number;
  /** Stages that the last event of each stream did not tell of, over all streams. */
  readonly stagesMissing: number;
  readonly events: number;
  /** Milliseconds from the write of the last record to the last stream's end. */
  readonly lastEndMilliseconds: number;
}

export async function followMany(
  base: string,
  store: ObjectStore,
  ids: readonly string[],
  streams: number,
): Promise<StreamFigures> {
  let events = 0;
  let complete = 0;
  let stagesMissing = 0;
  let lastEnd = 0;
  let opened = 0;
  const ends = Array.from({ length: streams }, (_unused, index) => {
    const id = ids[index % ids.length] ?? '';
    return new Promise<void>((resolve, reject) => {
      get(`${base}/jobs/${id}/events`, { agent: false }, (response) => {
        opened += 1;
        let text = '';
        let last = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
            const event = text.slice(0, end);
            text = text.slice(end + 2);
            if (event.includes('event: job')) {
              events += 1;
              last = event.slice(event.indexOf('data: ') + 6);
            }
            if (event.includes('event: end')) complete += JSON.parse(last).state === 'succeeded' ? 1 : 0;
          }
        });
        response.on('end', () => {
          lastEnd = performance.now();
          const told = new Set((JSON.parse(last).trail as { stage?: string }[]).map(({ stage }) => stage));
          stagesMissing += STAGES.filter((stage) => !told.has(stage)).length;
          resolve();
        });
      }).on('error', reject);
    });
  });
  while (opened < streams) await sleep(20);
  const worker = new BucketWorker(store);
  await Promise.all(ids.map((id) => worker.claim(id)));
  for (const stage of STAGES) await Promise.all(ids.map((id) => worker.stage(id, stage)));
  await Promise.all(ids.map((id) => worker.succeed(id)));
  const written = performance.now();
  await Promise.all(ends);
  return { streams, jobs: ids.length, complete, stagesMissing, events, lastEndMilliseconds: lastEnd - written };
}
