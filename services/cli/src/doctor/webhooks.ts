/** Webhooks: the settings of the notifier, and whether a receiver can be reached from here. */
import { connect as connectPlain, type LookupFunction } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Environment } from '@espalier/contracts';
import { checkUrl, guardedLookup, type NotifierSettings, parseNotifierSettings, Signer } from '@espalier/notifier';
import { broken, brokenBy, type Finding, ok, skipped } from './finding.ts';

export interface WebhookDeps {
  /** Makes a connection and ends it; nothing is sent. */
  readonly connect: (url: URL, lookup: LookupFunction) => Promise<void>;
}

/** @param notifies whether this machine is to tell webhooks. @param url a receiver to try */
export async function checkWebhooks(
  environment: Environment,
  notifies: boolean,
  url: string | undefined,
  deps: WebhookDeps,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  let settings: NotifierSettings;
  try {
    settings = parseNotifierSettings(environment);
    if (settings.secrets.length > 0) {
      new Signer(settings.secrets);
      findings.push(ok('webhooks.secret', `${settings.secrets.length} to sign with`));
    } else if (notifies) {
      findings.push(
        broken(
          'webhooks.secret',
          'ESPALIER_WEBHOOK_SECRET is not set',
          'set it to whsec_ and 24 to 64 random bytes in base64',
        ),
      );
    }
  } catch (thrown) {
    return [brokenBy('webhooks.settings', thrown, 'correct the variables ESPALIER_WEBHOOK_*')];
  }
  if (url === undefined) {
    const remedy = 'try one of your receivers: espalier doctor --webhook https://...';
    return [...findings, skipped('webhooks.egress', 'no receiver was named', remedy)];
  }
  try {
    if (!URL.canParse(url)) throw new Error(`'${url}' is no URL`);
    const target = new URL(url);
    checkUrl(target, settings);
    await deps.connect(target, guardedLookup(settings));
    findings.push(ok('webhooks.egress', `a connection to ${target.host} can be made`));
  } catch (thrown) {
    findings.push(brokenBy('webhooks.egress', thrown, 'open outgoing https: security group, firewall, NAT, DNS'));
  }
  return findings;
}

const TIMEOUT = 5000;

export function connect(url: URL, lookup: LookupFunction): Promise<void> {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (secure ? 443 : 80));
  return new Promise((resolve, reject) => {
    const socket = secure ? connectTls({ host, port, servername: host, lookup }) : connectPlain({ host, port, lookup });
    socket.setTimeout(TIMEOUT, () => socket.destroy(new Error(`${url.host} does not answer`)));
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
