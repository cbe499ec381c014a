/** The notifier's settings, from environment variables. */
import { type Environment, invalidSetting } from '@espalier/contracts';
import { checkNetworks } from './address-guard.ts';
import { checkSecrets } from './signer.ts';

export interface NotifierSettings {
  /** `ESPALIER_WEBHOOK_SECRET`: one `whsec_` secret, or several separated by spaces while one is replaced. */
  readonly secrets: readonly string[];
  /** `ESPALIER_WEBHOOK_HTTP=allow`: also http. @defaultValue false */
  readonly allowHttp: boolean;
  /** `ESPALIER_WEBHOOK_ALLOW`: networks beside the public ones, e.g. `10.1.0.0/16,fd00::/8`. @defaultValue none */
  readonly allow: readonly string[];
  /** `ESPALIER_WEBHOOK_LINK_SECONDS`: presigned links for this long, up to seven days. @defaultValue none */
  readonly signLinksSeconds: number | undefined;
  /** `ESPALIER_PUBLIC_URL`: where callers reach the HTTP API, for links. @defaultValue links name the store */
  readonly publicUrl: string | undefined;
}

/** `ESPALIER_PUBLIC_URL`, without a slash at its end. @throws TerminalError SETTING_INVALID */
function parsePublicUrl(environment: Environment): string | undefined {
  const value = environment.ESPALIER_PUBLIC_URL?.trim() ?? '';
  if (value === '') return undefined;
  if (/^https?:\/\//i.test(value) && URL.canParse(value) && !/[?#]/.test(value)) return value.replace(/\/+$/, '');
  throw invalidSetting(
    'ESPALIER_PUBLIC_URL',
    value,
    'give the http or https address under which callers reach the API',
  );
}

const LINK_SECONDS_MAX = 7 * 24 * 3600;

/** @throws TerminalError SETTING_INVALID naming variable and remedy */
export function parseNotifierSettings(environment: Environment): NotifierSettings {
  const words = (name: string) => (environment[name] ?? '').split(/[\s,]+/).filter((word) => word !== '');
  const http = environment.ESPALIER_WEBHOOK_HTTP?.trim() ?? '';
  if (http !== '' && http !== 'allow') throw invalidSetting('ESPALIER_WEBHOOK_HTTP', http, 'give allow, or nothing');
  const allow = words('ESPALIER_WEBHOOK_ALLOW');
  checkNetworks(allow, 'ESPALIER_WEBHOOK_ALLOW');
  const secrets = words('ESPALIER_WEBHOOK_SECRET');
  checkSecrets(secrets, 'ESPALIER_WEBHOOK_SECRET');
  const seconds = environment.ESPALIER_WEBHOOK_LINK_SECONDS?.trim() ?? '';
  if (seconds !== '' && !(/^[1-9]\d*$/.test(seconds) && Number(seconds) <= LINK_SECONDS_MAX)) {
    throw invalidSetting('ESPALIER_WEBHOOK_LINK_SECONDS', seconds, `give a whole number from 1 to ${LINK_SECONDS_MAX}`);
  }
  return {
    secrets,
    allowHttp: http === 'allow',
    allow,
    signLinksSeconds: seconds === '' ? undefined : Number(seconds),
    publicUrl: parsePublicUrl(environment),
  };
}
