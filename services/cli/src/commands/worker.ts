/** `espalier worker`: does the jobs that are dropped into the bucket. */
import { randomInt } from 'node:crypto';
import type { JobStatus } from '@espalier/contracts';
import { FolderStore } from '@espalier/storage';
import { Worker, watchFolder } from '@espalier/worker';
import { chooseModel, openBucket, openLogger, type PlaceOptions, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { listenForInterrupt } from '../interrupt.ts';
import type { CliIo } from '../io.ts';
import { logEvent } from '../log-event.ts';

export interface WorkerCommandOptions extends PlaceOptions {
  readonly once?: boolean;
  readonly lanes?: string;
  readonly json?: boolean;
}

export async function worker(io: CliIo, options: WorkerCommandOptions): Promise<ExitCode> {
  const settings = readSettings(io, options);
  const { servesQueues, serveQueues } = await import('./lanes.ts');
  if (options.once !== true && servesQueues(io, options, settings)) return serveQueues(io, options);
  const logger = await openLogger(settings, 'info');
  const interrupt = listenForInterrupt(io, () => {});
  try {
    const store = await openBucket(settings);
    const model = chooseModel(io, settings, options.model);
    const { openPipeline } = await import('../runtime.ts');
    // Before any job is touched: a worker without its model must not fail the jobs of others.
    const pipeline = await openPipeline(settings, model, store, logger);
    try {
      const { name, revision } = pipeline.runtime.model;
      const worker = new Worker({
        store,
        runner: pipeline,
        logger,
        random: (bound) => randomInt(bound),
        leaseSeconds: settings.leaseSeconds,
        onEvent: (event) => logEvent(logger.child({ job: event.job }), event),
        ...(store instanceof FolderStore && {
          watch: (onChange: () => void) => watchFolder(`${store.root}/jobs`, onChange, logger),
        }),
        ...(options.json === true && { onEnd: (status: JobStatus) => io.out(`${JSON.stringify(status)}\n`) }),
      });
      logger.info({ worker: worker.id, store: store.location, model: name, revision }, 'worker started');
      const once = options.once === true;
      const done = once ? await worker.drain(interrupt.signal) : await worker.serve(interrupt.signal);
      logger.info({ ...done }, 'worker stopped');
      // To be stopped is how a serving worker ends; one that was to finish its jobs did not.
      return once ? (interrupt.exitCode ?? EXIT.ok) : EXIT.ok;
    } finally {
      await pipeline.close();
    }
  } finally {
    interrupt.release();
  }
}
