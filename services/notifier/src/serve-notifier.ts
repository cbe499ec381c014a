/** The notifier as programs run it, with the sweeps beside it. */
import { ensureError, type Logger, systemClock } from '@espalier/contracts';
import type { JobQueue } from '@espalier/queue';
import type { ObjectStore } from '@espalier/storage';
import { EndWatch } from './end-watch.ts';
import { Notifier } from './notifier.ts';
import { pause } from './pause.ts';
import { sweepDeliveries } from './replay.ts';
import { Sender } from './send.ts';
import type { NotifierSettings } from './settings.ts';
import { Signer } from './signer.ts';

export interface ServeNotifierOptions {
  readonly store: ObjectStore;
  /** The notify queue. */
  readonly queue: JobQueue;
  readonly settings: NotifierSettings;
  readonly logger: Logger;
  /**
   * The queue lives in this process only: what an earlier process left is taken up at once, and the bucket is looked
   * through for jobs that ended elsewhere. Then a secret is needed only for what must be signed. @defaultValue false
   */
  readonly embedded?: boolean;
  /** Where callers reach the HTTP API, unless the settings say so. */
  readonly publicUrl?: string;
}

/** Between looks for deliveries whose message was lost. Seconds. */
const DELIVERY_SWEEP = 3600;
/** Between looks for jobs that ended in another process. Seconds. */
const END_WATCH = 10;

/** Works until the signal is aborted. @throws TerminalError SETTING_INVALID at once, when there must be a secret */
export async function serveNotifier(options: ServeNotifierOptions, signal: AbortSignal): Promise<void> {
  const { store, queue, logger, settings, embedded = false } = options;
  const { secrets, allow, allowHttp, signLinksSeconds, publicUrl = options.publicUrl } = settings;
  const signer = embedded && secrets.length === 0 ? undefined : new Signer(secrets);
  const sender = new Sender({ allow, allowHttp, clock: systemClock });
  const notifier = new Notifier({
    store,
    queue,
    sender,
    logger,
    clock: systemClock,
    ...(signer !== undefined && { signer }),
    ...(signLinksSeconds !== undefined && { signLinksSeconds }),
    ...(publicUrl !== undefined && { publicUrl }),
  });
  const sweep = (lateSeconds: number) =>
    sweepDeliveries({ store, queue, clock: systemClock }, lateSeconds).catch((error: unknown) => {
      logger.warn({ err: ensureError(error) }, 'deliveries could not be swept; trying again in an hour');
    });
  const sweeps = async () => {
    for (await pause(DELIVERY_SWEEP * 1000, signal); !signal.aborted; await pause(DELIVERY_SWEEP * 1000, signal))
      await sweep(DELIVERY_SWEEP);
  };
  try {
    // What is not due yet gets a message too: it is sent on until then.
    if (embedded) await sweep(Number.NEGATIVE_INFINITY);
    const watch = new EndWatch({ store, queue, clock: systemClock, logger });
    await Promise.all([notifier.serve(signal), sweeps(), ...(embedded ? [watch.serve(END_WATCH, signal)] : [])]);
  } finally {
    await sender.close();
  }
}
