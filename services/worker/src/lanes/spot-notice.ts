/**
 * Watches for the notice that an EC2 Spot instance is about to be taken back: two minutes, best effort.
 *
 * Source: EC2 user guide, "Spot Instance interruption notices"; IMDSv2 for the session token.
 */
import type { Logger } from '@espalier/contracts';
import type { Timers } from '../timers.ts';

export interface SpotNoticeOptions {
  readonly logger: Logger;
  readonly timers: Timers;
  /** @defaultValue the metadata service's link-local address */
  readonly endpoint?: string;
  /** AWS asks for no more than one look in five seconds. @defaultValue 5 */
  readonly everySeconds?: number;
  readonly fetch?: typeof fetch;
}

export interface SpotNotice {
  readonly action: string;
  /** When it will happen, as told. */
  readonly time: string;
}

const ENDPOINT = 'http://169.254.169.254';
const TOKEN_SECONDS = 21_600;
/** The metadata service is next door: who does not answer at once is not there. Milliseconds. */
const TIMEOUT = 2000;

/** Resolves with the notice when one comes, or with nothing when the signal is aborted. Never throws. */
export async function watchSpotNotice(
  options: SpotNoticeOptions,
  signal: AbortSignal,
): Promise<SpotNotice | undefined> {
  const { logger, timers, endpoint = ENDPOINT, everySeconds = 5 } = options;
  const send = options.fetch ?? fetch;
  let token: string | undefined;
  let complained = false;
  while (!signal.aborted) {
    try {
      token ??= await newToken(send, endpoint);
      const answer = await send(`${endpoint}/latest/meta-data/spot/instance-action`, {
        headers: { 'X-aws-ec2-metadata-token': token },
        signal: AbortSignal.timeout(TIMEOUT),
      });
      const text = await answer.text();
      if (answer.status === 401) token = undefined; // it ran out
      const notice = answer.ok ? readNotice(text) : undefined;
      if (notice !== undefined) return notice;
      complained = false;
    } catch (error) {
      if (!complained) logger.warn({ err: error }, 'the instance metadata service does not answer; asking on');
      complained = true;
    }
    await timers.sleep(everySeconds * 1000, signal);
  }
  return undefined;
}

async function newToken(send: typeof fetch, endpoint: string): Promise<string> {
  const answer = await send(`${endpoint}/latest/api/token`, {
    method: 'PUT',
    headers: { 'X-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) },
    signal: AbortSignal.timeout(TIMEOUT),
  });
  if (!answer.ok) throw new Error(`no session token: HTTP ${answer.status}`);
  return answer.text();
}

function readNotice(text: string): SpotNotice | undefined {
  try {
    const { action, time } = JSON.parse(text) as Partial<SpotNotice>;
    return typeof action === 'string' ? { action, time: String(time ?? '') } : undefined;
  } catch {
    return undefined;
  }
}
