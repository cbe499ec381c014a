import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { assertListenable, createApiKey, findApiKey, isLoopback, parseApiKeys } from '../src/index.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness | undefined;
afterEach(() => harness?.close());

describe('API keys', () => {
  it('are kept as digests only and found by the key alone', () => {
    const { key, line } = createApiKey('laptop');
    expect(line).not.toContain(key);
    const keys = parseApiKeys(`# people\n${line}\n${createApiKey('ci').line}`, 'keys.txt');
    expect(keys.map(({ name }) => name)).toEqual(['laptop', 'ci']);
    expect(findApiKey(keys, `Bearer ${key}`)?.name).toBe('laptop');
    expect(findApiKey(keys, `Bearer ${key.slice(0, -1)}x`)).toBeUndefined();
    expect(findApiKey(keys, 'Bearer ')).toBeUndefined();
    expect(findApiKey(keys, undefined)).toBeUndefined();
  });

  it('never repeat in an error what may be a key in the clear', () => {
    expect(() => parseApiKeys('laptop:esp_secret', 'ESPALIER_API_KEYS')).toThrow(/^ESPALIER_API_KEYS: entry 1/);
    expect(() => parseApiKeys('laptop:esp_secret', 'ESPALIER_API_KEYS')).not.toThrow(/secret/);
  });

  it('are needed as soon as others can reach the server', async () => {
    for (const host of ['127.0.0.1', '127.8.0.1', '::1', 'localhost']) expect(isLoopback(host)).toBe(true);
    for (const host of ['0.0.0.0', '::', '192.168.1.4', 'example.com', '127.example.com']) {
      expect(isLoopback(host)).toBe(false);
      expect(() => assertListenable(host, [])).toThrow(/API keys/);
    }
    harness = await startHarness();
    await expect(harness.gateway.listen({ host: '0.0.0.0', port: 0 })).rejects.toMatchObject({
      code: 'API_KEYS_REQUIRED',
    });
  });

  it('open every route but none without one', async () => {
    const { key, line } = createApiKey('laptop');
    harness = await startHarness({ keys: parseApiKeys(line, 'test') });
    for (const path of ['/health', '/jobs', '/status/x', '/v2/ep/health']) {
      const refused = await harness.call('GET', path);
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      expect((await harness.call('GET', path, undefined, { authorization: `Bearer ${key}` })).status).not.toBe(401);
    }
    expect((await harness.call('POST', '/run', { input: { prompt: 'box' } })).status).toBe(401);
    // The page itself holds nothing of anybody's.
    expect((await harness.call('GET', '/')).status).toBe(200);
    expect((await harness.call('GET', '/openapi.json')).body.security).toEqual([{ key: [] }]);
  });

  it('keep one caller’s idempotency keys apart from another’s', async () => {
    const [a, b] = [createApiKey('a'), createApiKey('b')];
    harness = await startHarness({ keys: parseApiKeys(`${a.line},${b.line}`, 'test') });
    const send = async (key: string) =>
      (
        await harness?.call(
          'POST',
          '/run',
          { input: { prompt: 'box' } },
          { authorization: `Bearer ${key}`, 'idempotency-key': 'same' },
        )
      )?.body.id;
    expect(await send(a.key)).toBe(await send(a.key));
    expect(await send(a.key)).not.toBe(await send(b.key));
  });
});

describe('without keys', () => {
  /** `fetch` does not let a caller set these headers. */
  const raw = (base: string, headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${base}/jobs`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });

  it('pages of other origins and re-bound names do not get through', async () => {
    harness = await startHarness();
    const { host, port } = new URL(harness.base);
    expect(await raw(harness.base, { host })).toBe(200);
    expect(await raw(harness.base, { host, origin: `http://${host}` })).toBe(200);
    expect(await raw(harness.base, { host: `evil.example:${port}` })).toBe(421);
    expect(await raw(harness.base, { host, origin: 'https://evil.example' })).toBe(403);
    expect(await raw(harness.base, { host, origin: 'null' })).toBe(403);
    expect(await raw(harness.base, { host, 'sec-fetch-site': 'cross-site' })).toBe(403);
    const response = await fetch(`${harness.base}/jobs`);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('limits', () => {
  it('refuse more than a route takes, in the usual shape, shared with /v2', async () => {
    harness = await startHarness({ limits: { rates: { run: 3, read: 100, cancel: 100, purge: 100 } } });
    const send = (path: string) => harness?.call('POST', path, { input: { prompt: 'box' } });
    for (const path of ['/run', '/v2/ep/run', '/run']) expect((await send(path))?.status).toBe(200);
    const refused = await send('/v2/other/run');
    expect(refused?.status).toBe(429);
    expect(refused?.body).toMatchObject({ code: 'RATE_LIMITED', request_id: expect.any(String) });
    // What is left of ten seconds, however long the requests took.
    expect(refused?.headers.get('retry-after')).toMatch(/^([1-9]|10)$/);
    expect((await harness.call('GET', '/jobs')).status).toBe(200);
  });

  it('keep a harmless request id and replace any other', async () => {
    harness = await startHarness();
    const id = async (given: string) =>
      (await harness?.call('GET', '/nowhere', undefined, { 'x-request-id': given }))?.body.request_id;
    expect(await id('trace-7')).toBe('trace-7');
    expect(await id('x\tinjected')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
