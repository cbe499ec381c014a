/**
 * Keeps webhooks away from what only this machine can reach: loopback, private networks, link-local addresses and
 * with them the cloud's metadata service. The check stands behind name resolution, at the very address that the
 * connection is then made to: a name that answers differently the second time gains nothing.
 */
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { invalidSetting, TerminalError } from '@espalier/contracts';
import ipaddr from 'ipaddr.js';

export type Resolve = (hostname: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

export interface AddressRules {
  /** Networks in CIDR form that are allowed whatever they are, e.g. `10.1.0.0/16`. */
  readonly allow: readonly string[];
}

/** Whether a webhook may go to this address. */
export function isAllowedAddress(address: string, rules: AddressRules): boolean {
  // `process` turns ::ffff:10.0.0.1 into 10.0.0.1.
  const parsed = ipaddr.process(address.replace(/%.*$/, ''));
  if (rules.allow.some((network) => contains(network, parsed))) return true;
  const inner = parsed.kind() === 'ipv6' ? embeddedIpv4(parsed as ipaddr.IPv6) : undefined;
  if (inner !== undefined) return inner.range() === 'unicast';
  return parsed.range() === 'unicast';
}

/** @throws TerminalError SETTING_INVALID for a network that is none */
export function checkNetworks(networks: readonly string[], source: string): void {
  for (const network of networks) {
    if (ipaddr.isValidCIDR(network)) continue;
    throw invalidSetting(source, network, 'give networks in CIDR form, separated by commas, e.g. 10.1.0.0/16');
  }
}

/**
 * A `lookup` for sockets that gives only addresses a webhook may go to. One forbidden address among several is
 * enough to refuse the name: which of them gets used is not for its owner to decide.
 */
export function guardedLookup(rules: AddressRules, resolve: Resolve = resolveAll): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (found) => {
        const bad = found.find(({ address }) => !isAllowedAddress(address, rules));
        const [first] = found;
        if (bad !== undefined) callback(refused(hostname, bad.address), '', 0);
        else if (first === undefined) callback(new Error(`${hostname} has no address`), '', 0);
        else if (options.all === true) callback(null, [...found]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };
}

/**
 * Checks what can be checked before any name is resolved: addresses written out are never looked up.
 *
 * @throws TerminalError WEBHOOK_REFUSED
 */
export function checkUrl(url: URL, rules: AddressRules & { readonly allowHttp: boolean }): void {
  if (url.protocol !== 'https:' && !(rules.allowHttp && url.protocol === 'http:')) {
    throw new TerminalError(`webhooks go to https only, not to ${url.protocol}//`, {
      code: 'WEBHOOK_REFUSED',
      field: 'webhook',
      remedy: 'give the webhook an https address, or set ESPALIER_WEBHOOK_HTTP=allow',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new TerminalError('a webhook address must not hold a user name or password', {
      code: 'WEBHOOK_REFUSED',
      field: 'webhook',
      remedy: 'requests are signed: let the receiver verify the signature',
    });
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isAllowedAddress(host, rules)) throw refused(host, host);
}

function refused(hostname: string, address: string): TerminalError {
  const where = hostname === address ? address : `${hostname} (${address})`;
  return new TerminalError(`webhooks do not go to ${where}: it is not a public address`, {
    code: 'WEBHOOK_REFUSED',
    field: 'webhook',
    remedy: 'give a public address, or name its network in ESPALIER_WEBHOOK_ALLOW',
  });
}

function contains(network: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const [base, bits] = ipaddr.parseCIDR(network);
  return base.kind() === address.kind() && address.match(base, bits);
}

/** The IPv4 address that a translator would reach through an IPv6 one: 64:ff9b::/96 (RFC 6052), 2002::/16 (RFC 3056). */
function embeddedIpv4(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const bytes = address.toByteArray();
  if (address.range() === 'rfc6052') return new ipaddr.IPv4(bytes.slice(12));
  if (address.range() === '6to4') return new ipaddr.IPv4(bytes.slice(2, 6));
  return undefined;
}

const resolveAll: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true, verbatim: true }, (error, addresses) => {
      if (error) reject(error);
      else resolve(addresses);
    });
  });
