/**
 * A worker process for tests of death: serves both lanes on S3 and SQS with light stages, and says on standard
 * output what it does, line by line, as long as it lives.
 */
import { createHash } from 'node:crypto';
import { silentLogger } from '@espalier/contracts';
import { runLane } from '@espalier/pipeline';
import { openSqsQueue } from '@espalier/queue';
import { openS3Store } from '@espalier/storage';
import { serveLanes } from '../../src/index.ts';
import { LIGHT_RUNTIME, type LightOptions, lightGraph } from './light-graph.ts';

export interface ChaosOptions {
  readonly endpoint: string;
  readonly store: string;
  readonly generate: string;
  readonly finish: string;
  readonly leaseSeconds: number;
  readonly sweepSeconds: number;
  readonly width: number;
  readonly light: LightOptions;
  /** Milliseconds that this process' clock is wrong by. */
  readonly clockOffMs?: number;
  /** Between looks at the cancel marker. @defaultValue 0.25 */
  readonly beatSeconds?: number;
  readonly attempts?: number;
  readonly idleTimeout?: number;
}

/** One line of output. */
export type ChaosLine =
  | { readonly at: number; readonly type: 'ready' }
  | { readonly at: number; readonly type: 'step'; readonly job: string; readonly stage: string; readonly step: number }
  | { readonly at: number; readonly type: 'stage'; readonly job: string; readonly stage: string }
  | {
      readonly at: number;
      readonly type: 'resume';
      readonly job: string;
      readonly stage: string;
      readonly step: number;
    }
  | { readonly at: number; readonly type: 'outcome'; readonly job: string; readonly outcome: string }
  /** Bytes in use after a collection. */
  | {
      readonly at: number;
      readonly type: 'memory';
      readonly done: number;
      readonly heap: number;
      readonly rss: number;
    };

const options = JSON.parse(process.argv[2] ?? '{}') as ChaosOptions;
const { endpoint } = options;
const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
const common = {
  endpoint,
  client,
  ...(options.attempts !== undefined && { attempts: options.attempts }),
  ...(options.idleTimeout !== undefined && { idleTimeout: options.idleTimeout }),
};
type Unstamped = ChaosLine extends infer L ? (L extends ChaosLine ? Omit<L, 'at'> : never) : never;
const say = (line: Unstamped) => process.stdout.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`);

const store = await openS3Store(options.store, common);
const clock = { now: () => Date.now() + (options.clockOffMs ?? 0) };
const queueOptions = { ...common, visibilitySeconds: options.leaseSeconds, clock };
const queues = {
  generate: await openSqsQueue(options.generate, queueOptions),
  finish: await openSqsQueue(options.finish, queueOptions),
};
const graph = lightGraph(options.light);
let done = 0;
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
say({ type: 'ready' });
const logger = process.env.CHAOS_LOG ? loud() : silentLogger;
await serveLanes(
  {
    lanes: ['generate', 'finish'],
    store,
    queues,
    clock,
    logger,
    // The same seed for the same draw in every process: what jobs draw must not depend on who draws.
    random: (bound) => createHash('sha256').update('seed').digest().readUInt32LE() % bound,
    leaseSeconds: options.leaseSeconds,
    sweepSeconds: options.sweepSeconds,
    width: { generate: options.width, finish: options.width },
    pace: { poll: 2, beat: options.beatSeconds ?? 0.25 },
    runnerFor: (lane) => ({
      run: async (job, { signal, onEvent, logger: jobLogger, earlier, justHandedOver, seedDrawn, finishHere }) => {
        const result = await runLane(lane, job, {
          store,
          runtime: LIGHT_RUNTIME,
          graph,
          logger: jobLogger,
          signal,
          earlier,
          justHandedOver,
          seedDrawn,
          finishHere,
          onProgress: (event) => {
            if (event.type === 'stage.step') say({ type: 'step', job: job.id, stage: event.stage, step: event.step });
            if (event.type === 'stage.started') say({ type: 'stage', job: job.id, stage: event.stage });
            if (event.type === 'stage.started' && event.resumedFromStep !== undefined) {
              say({ type: 'resume', job: job.id, stage: event.stage, step: event.resumedFromStep });
            }
            onEvent(event);
          },
        });
        if (!('handOver' in result)) tellMemory();
        say({ type: 'outcome', job: job.id, outcome: 'handOver' in result ? 'handed-over' : 'done' });
        return 'handOver' in result ? result : result.stats;
      },
    }),
  },
  stop.signal,
);
process.exit(0);

function tellMemory(): void {
  done += 1;
  if (done % 20 !== 0) return;
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  say({ type: 'memory', done, heap: heapUsed + external, rss });
}

function loud() {
  const log = (level: string) => (details: object, message: string) =>
    void process.stderr.write(
      `${level} ${message} ${JSON.stringify(details, (_key, value) => (value instanceof Error ? String(value.stack) : value))}\n`,
    );
  const logger = { debug: () => {}, info: log('info'), warn: log('warn'), error: log('error'), child: () => logger };
  return logger;
}
