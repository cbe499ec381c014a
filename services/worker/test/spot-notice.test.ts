import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@espalier/contracts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Timers, watchSpotNotice } from '../src/index.ts';

/** A metadata service as EC2's: version 2 only, tokens that run out, 404 until the end is near. */
const seen: string[] = [];
let notice: string | undefined;
let token: string;
let tokens: number;
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.url}`);
  if (request.method === 'PUT' && request.url === '/latest/api/token') {
    if (request.headers['x-aws-ec2-metadata-token-ttl-seconds'] !== '21600') return response.writeHead(400).end();
    tokens += 1;
    token = `token-${tokens}`;
    return response.end(token);
  }
  if (request.headers['x-aws-ec2-metadata-token'] !== token) return response.writeHead(401).end();
  if (notice === undefined) return response.writeHead(404).end('<html>Not Found</html>');
  return response.end(notice);
});
let endpoint: string;
let looks: number;
/** No time passes; each sleep is one look. */
const timers: Pick<Timers, 'sleep'> = {
  sleep: async () => {
    looks += 1;
    if (looks === 2) token = 'ran out';
    if (looks === 4) notice = '{"action":"terminate","time":"2017-09-18T08:22:00Z"}';
    if (looks > 50) throw new Error('too many looks');
  },
};

beforeEach(async () => {
  seen.length = 0;
  notice = undefined;
  tokens = 0;
  looks = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise<void>((resolve) => void server.close(() => resolve())));

const watch = (signal: AbortSignal, place = endpoint) =>
  watchSpotNotice({ logger: silentLogger, timers: timers as Timers, endpoint: place }, signal);

it('tells of the notice, with a fresh token when the old one ran out', async () => {
  expect(await watch(new AbortController().signal)).toEqual({ action: 'terminate', time: '2017-09-18T08:22:00Z' });
  expect(tokens).toBe(2);
  expect(seen.filter((line) => line === 'GET /latest/meta-data/spot/instance-action').length).toBe(looks + 1);
});

it('asks on while nobody answers, until it is called off', async () => {
  const stop = new AbortController();
  const nowhere = { ...timers, sleep: async () => void (++looks === 3 && stop.abort()) };
  const options = { logger: silentLogger, timers: nowhere as unknown as Timers, endpoint: 'http://127.0.0.1:1' };
  expect(await watchSpotNotice(options, stop.signal)).toBeUndefined();
  expect(looks).toBe(3);
});
