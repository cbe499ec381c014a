/** `espalier dispatch`: feeds a RunPod endpoint from the generate queue. */
import { TerminalError } from '@espalier/contracts';
import { Dispatcher, Endpoint, parseDispatcherSettings, serveWebhooks, webhookPath } from '@espalier/dispatcher';
import { openQueue } from '@espalier/queue';
import type { SideServer } from '@espalier/worker';
import { openBucket, openLogger, type PlaceOptions, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { listenForInterrupt } from '../interrupt.ts';
import type { CliIo } from '../io.ts';

/** A message that nobody extends shows again: what a dispatcher that was killed had in hand, then waits this long. */
const VISIBILITY_SECONDS = 120;

export async function dispatch(io: CliIo, options: PlaceOptions): Promise<ExitCode> {
  const settings = readSettings(io, options);
  const { endpointId, apiKey, url, timeoutSeconds, webhook, port, inFlight } = parseDispatcherSettings(io.env);
  const { generate, finish, notify } = settings.queues;
  for (const [name, queue] of Object.entries({ GENERATE: generate, FINISH: finish })) {
    if (queue.kind !== 'sqs') {
      throw new TerminalError('a dispatcher needs queues that other processes see', {
        code: 'SETTING_INVALID',
        field: `ESPALIER_QUEUE_${name}`,
        remedy: `set ESPALIER_QUEUE_${name} to the URL of an SQS queue`,
      });
    }
  }
  const logger = await openLogger(settings, 'info');
  const interrupt = listenForInterrupt(io, () => {});
  let hooks: SideServer | undefined;
  try {
    const store = await openBucket(settings);
    const open = (location: typeof generate, name: string) =>
      openQueue(location, { name, visibilitySeconds: VISIBILITY_SECONDS });
    const path = webhookPath(apiKey);
    const endpoint = new Endpoint({
      url,
      endpointId,
      apiKey,
      timeoutSeconds,
      webhook: webhook === undefined ? undefined : `${webhook}${path}`,
    });
    const dispatcher = new Dispatcher({
      store,
      queues: {
        generate: await open(generate, 'generate'),
        finish: await open(finish, 'finish'),
        notify: notify.kind === 'sqs' ? await open(notify, 'notify') : undefined,
      },
      endpoint,
      logger,
      inFlight,
      visibilitySeconds: VISIBILITY_SECONDS,
    });
    if (webhook !== undefined) hooks = await serveWebhooks({ path, port, onJob: (id) => dispatcher.poke(id) });
    logger.info({ endpoint: endpointId, store: store.location, port: hooks?.port, in_flight: inFlight }, 'dispatching');
    await dispatcher.serve(interrupt.signal);
    logger.info({}, 'dispatcher stopped: what RunPod has goes on there');
    return EXIT.ok;
  } finally {
    interrupt.release();
    await hooks?.close();
  }
}
