/** `espalier redrive` and `espalier webhooks replay`: what was given up is taken up again. */
import { invalidSetting, QUEUES, type QueueName, systemClock, TerminalError } from '@espalier/contracts';
import { openQueue, redrive } from '@espalier/queue';
import { openBucket, type PlaceOptions, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { noNotifyQueue } from './lanes.ts';

const VISIBILITY_SECONDS = 120;

export interface RedriveOptions {
  readonly max?: string;
  readonly json?: boolean;
}

export async function redriveQueue(io: CliIo, name: string, options: RedriveOptions): Promise<ExitCode> {
  const queue = QUEUES.find((candidate): candidate is QueueName => candidate === name);
  const location = queue === undefined ? undefined : readSettings(io).queues[queue];
  if (queue === undefined || location?.kind !== 'sqs') {
    const variable = `ESPALIER_QUEUE_${(queue ?? 'GENERATE').toUpperCase()}`;
    throw new TerminalError(`'${name}' names no queue that has dead letters`, {
      code: 'SETTING_INVALID',
      field: 'queue',
      remedy: `give one of: ${QUEUES.join(', ')}, and set ${variable} to its URL`,
    });
  }
  if (options.max !== undefined && !/^[1-9]\d{0,8}$/.test(options.max)) {
    throw invalidSetting('--max', options.max, 'give a whole number from 1 to 999999999');
  }
  const { openSqsQueue } = await import('@espalier/queue');
  const target = await openSqsQueue(location.url, { visibilitySeconds: VISIBILITY_SECONDS });
  const dead = await openQueue(
    { kind: 'sqs', url: await target.deadLetterUrl() },
    { name: `${queue} dead letters`, visibilitySeconds: VISIBILITY_SECONDS },
  );
  const moved = await redrive(dead, target, { ...(options.max !== undefined && { max: Number(options.max) }) });
  io.out(options.json === true ? `${JSON.stringify({ ok: true, moved })}\n` : `${moved} sent back to ${queue}\n`);
  return EXIT.ok;
}

export interface ReplayOptions extends PlaceOptions {
  readonly job?: string;
  readonly delivered?: boolean;
  readonly json?: boolean;
}

export async function replayWebhooks(io: CliIo, options: ReplayOptions): Promise<ExitCode> {
  const { REPLAY_STATES, replayDeliveries } = await import('@espalier/notifier');
  const settings = readSettings(io, options);
  if (settings.queues.notify.kind !== 'sqs') throw noNotifyQueue();
  const queue = await openQueue(settings.queues.notify, { name: 'notify', visibilitySeconds: VISIBILITY_SECONDS });
  const store = await openBucket(settings, { prove: false });
  const replayed = await replayDeliveries(
    { store, queue, clock: systemClock },
    {
      ...(options.job !== undefined && { job: options.job }),
      states: options.delivered === true ? [...REPLAY_STATES, 'delivered'] : REPLAY_STATES,
    },
  );
  const rows = replayed.map(({ job, webhook_id, url }) => ({ job, webhook_id, url }));
  if (options.json === true) io.out(`${JSON.stringify({ ok: true, replayed: rows })}\n`);
  else
    io.out(`${rows.map(({ job, webhook_id }) => `${job} ${webhook_id}\n`).join('')}${rows.length} to be told again\n`);
  return EXIT.ok;
}
