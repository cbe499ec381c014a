import { describe, expect, it } from 'vitest';
import { checkUrl, isAllowedAddress, parseNotifierSettings, retryDelay, Signer } from '../src/index.ts';

const strict = { allow: [] };

describe('an address', () => {
  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '2001:db8::1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '2002:7f00:1::',
    '2002:a00:1::1',
    '2001::1',
    'fec0::1',
    '64:ff9b:1::1',
  ])('%s is not public', (address) => {
    expect(isAllowedAddress(address, strict)).toBe(false);
  });

  it.each(['93.184.216.34', '8.8.8.8', '172.32.0.1', '2606:2800:220:1::1', '::ffff:8.8.8.8', '64:ff9b::808:808'])(
    '%s is',
    (address) => {
      expect(isAllowedAddress(address, strict)).toBe(true);
    },
  );

  it('may be allowed by its network', () => {
    const rules = { allow: ['10.1.0.0/16', 'fd00::/8'] };
    expect(['10.1.2.3', '10.2.0.1', 'fd00::7', '::ffff:10.1.2.3'].map((one) => isAllowedAddress(one, rules))).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });
});

it.each([
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f.0.0.1/',
  'http://[::1]/',
  'http://[::ffff:7f00:1]/',
  'http://0177.0.0.1/',
])('%s hides no loopback', (url) => {
  expect(() => checkUrl(new URL(url), { allow: [], allowHttp: true })).toThrow(/not a public address/);
});

describe('settings', () => {
  it('are refused by name, with the value and what to give', () => {
    for (const environment of [
      { ESPALIER_WEBHOOK_ALLOW: '10.0.0.0/40' },
      { ESPALIER_WEBHOOK_HTTP: 'yes' },
      { ESPALIER_WEBHOOK_LINK_SECONDS: '604801' },
      { ESPALIER_PUBLIC_URL: 'assets.example.com' },
    ]) {
      const [[name, value] = []] = Object.entries(environment);
      expect(() => parseNotifierSettings(environment)).toThrow(`${name}: '${value}' cannot be used: give `);
    }
    expect(() => new Signer([])).toThrow(/ESPALIER_WEBHOOK_SECRET is missing/);
    expect(() => new Signer(['whsec_c2hvcnQ='])).toThrow(/no secret/);
  });

  it('are read', () => {
    const secrets = [1, 2].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`);
    const environment = {
      ESPALIER_WEBHOOK_SECRET: secrets.join(' '),
      ESPALIER_WEBHOOK_ALLOW: '10.0.0.0/8, fd00::/8',
      ESPALIER_WEBHOOK_HTTP: 'allow',
      ESPALIER_WEBHOOK_LINK_SECONDS: '3600',
      ESPALIER_PUBLIC_URL: 'https://assets.example.com/',
    };
    expect(parseNotifierSettings(environment)).toEqual({
      secrets,
      allow: ['10.0.0.0/8', 'fd00::/8'],
      allowHttp: true,
      signLinksSeconds: 3600,
      publicUrl: 'https://assets.example.com',
    });
  });
});

it("gives the reference signature of the specification's own example", () => {
  // https://github.com/standard-webhooks/standard-webhooks, libraries' shared test values.
  const headers = new Signer(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']).sign(
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1614265330_000,
    '{"test": 2432232314}',
  );
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  expect(headers['webhook-timestamp']).toBe('1614265330');
});

it('waits as the schedule says, at least as long as was asked for', () => {
  expect(retryDelay(1, undefined, 0)).toBe(5);
  expect(retryDelay(1, 1e9, 0)).toBe(24 * 3600);
  expect(retryDelay(10, 60, 0)).toBeUndefined();
});
