/** Every request that is refused says which field is wrong, what stands there, and what may. */
import { jobKey } from '@espalier/storage';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
  await harness.store.put(jobKey('box'), Buffer.from('{"prompt": "box"}'));
});
afterAll(() => harness.close());

const input = { prompt: 'box' };
it.each([
  ['GET', '/jobs?limit=many', undefined, 'limit', '"many"', /number/],
  ['GET', '/jobs?limit=0', undefined, 'limit', '"0"', />=1/],
  ['GET', '/jobs?state=asleep', undefined, 'state', '"asleep"', /succeeded/],
  ['GET', '/jobs?after=nonsense', undefined, 'after', '"nonsense"', /next/],
  ['GET', '/jobs/..%2Fx', undefined, 'id', '"../x"', /docs/],
  ['POST', '/runsync?wait=5', { input }, 'wait', '"5"', />=1000/],
  ['POST', '/run', { input, policy: { ttl: 5 } }, 'policy.ttl', 'it is 5', /10000 to 604800000/],
  ['POST', '/run', { input, policy: 'fast' }, 'policy', '"fast"', /milliseconds/],
  ['POST', '/run', { input: { ...input, simplify: 1.5 } }, 'simplify', '1.5', /0\.0 to 1\.0/],
  ['POST', '/run', { input, from: 7 }, 'from', '7', /id of a job/],
  ['POST', '/run', { input, colour: 'red' }, 'colour', "'colour'", /known are: prompt/],
  ['POST', '/jobs/box/refinish', { simplify: 2 }, 'simplify', 'it is 2', /0\.0 to 1\.0/],
  ['POST', '/jobs/box/refinish', { outputs: ['fbx'] }, 'outputs.0', 'fbx', /glb-webp/],
  ['POST', '/jobs/box/refinish', { prompt: 'a' }, undefined, "'prompt'", /known are: simplify, texture_size/],
  ['POST', '/jobs/box/refinish', [1], undefined, '[1]', /texture_size/],
])('%s %s %j', async (method, path, body, field, value, remedy) => {
  const answer = await harness.call(method, path, body);
  const told = `${answer.body.error} ${answer.body.remedy}`;
  expect(answer.status).toBe(400);
  expect(answer.body.field).toBe(field);
  expect(told).toContain(value);
  expect(told).toMatch(remedy);
});
