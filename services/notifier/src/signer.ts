/** Signatures by Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, one for each secret in use. */
import { TerminalError } from '@espalier/contracts';
import { Webhook } from 'standardwebhooks';

export type SignedHeaders = Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>>;

export class Signer {
  readonly #webhooks: readonly Webhook[];

  /**
   * @param secrets `whsec_` and 24 to 64 random bytes in base64. Several sign side by side, so that a secret can be
   *   replaced without a pause: receivers accept any of them.
   * @throws TerminalError SETTING_INVALID
   */
  constructor(secrets: readonly string[], source = 'ESPALIER_WEBHOOK_SECRET') {
    if (secrets.length === 0) throw badSecret(source, 'is missing');
    checkSecrets(secrets, source);
    this.#webhooks = secrets.map((secret) => new Webhook(secret));
  }

  /** @param at milliseconds since the epoch, of this very try: receivers refuse what is over five minutes old */
  sign(id: string, at: number, body: string): SignedHeaders {
    const date = new Date(at);
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at / 1000)),
      'webhook-signature': this.#webhooks.map((webhook) => webhook.sign(id, date, body)).join(' '),
    };
  }
}

/** @throws TerminalError SETTING_INVALID when one of them is none */
export function checkSecrets(secrets: readonly string[], source: string): void {
  for (const secret of secrets) {
    const bytes = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    // The secret itself never shows, not even when it is wrong.
    if (!secret.startsWith('whsec_') || bytes.byteLength < 24 || bytes.byteLength > 64)
      throw badSecret(source, 'holds something that is no secret');
  }
}

function badSecret(source: string, what: string): TerminalError {
  return new TerminalError(`${source} ${what}`, {
    code: 'SETTING_INVALID',
    field: source,
    remedy:
      "make one with: node -p \"'whsec_'+crypto.randomBytes(32).toString('base64')\"; several are separated by spaces",
  });
}
