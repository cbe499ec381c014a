/** RunPod's own npm client against the gateway: `node javascript.mjs BASE KEY PATH_OF_RUNPOD_SDK`. */
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const [base, key, sdk] = process.argv.slice(2);
const { default: runpodSdk } = await import(pathToFileURL(sdk).href);
const endpoint = runpodSdk(key, { baseUrl: `${base}/v2` }).endpoint('any-endpoint');
const results = { passed: 0, failed: 0 };

async function check(name, work) {
  try {
    await work();
    results.passed += 1;
    process.stdout.write(`ok      runpod-sdk: ${name}\n`);
  } catch (error) {
    results.failed += 1;
    process.stdout.write(`FAILED: runpod-sdk: ${name}\n${error.stack}\n`);
  }
}

const input = { prompt: 'A small wooden box', seed: 42 };

await check('run, then status until it has its output', async () => {
  const { id, status } = await endpoint.run({ input });
  assert.equal(status, 'IN_QUEUE');
  let seen;
  do seen = await endpoint.status(id);
  while (!seen.completed);
  assert.equal(seen.succeeded, true);
  assert.equal(Buffer.from(seen.output.glb_base64, 'base64').subarray(0, 4).toString(), 'glTF');
  assert.equal(seen.output.seed_used, 42);
  assert.equal(typeof seen.delayTime, 'number');
  assert.equal(typeof seen.executionTime, 'number');
});
await check('runSync', async () => {
  const done = await endpoint.runSync({ input, policy: { executionTimeout: 60_000, ttl: 3_600_000 } });
  assert.deepEqual([done.status, done.succeeded, done.output.face_count], ['COMPLETED', true, 12]);
});
await check('runSync of a job that fails', async () => {
  const done = await endpoint.runSync({ input: { prompt: 'this will fail' } });
  assert.deepEqual([done.status, done.succeeded], ['FAILED', false]);
  assert.match(done.error, /^GPU out of memory/);
});
await check('stream', async () => {
  const { id } = await endpoint.run({ input });
  const pieces = [];
  for await (const piece of endpoint.stream(id)) pieces.push(piece.output);
  assert.equal(pieces.at(-1).face_count, 12);
  assert.ok(pieces.some(({ stage }) => stage === 'structure'));
});
await check('cancel', async () => {
  const { id } = await endpoint.run({ input: { prompt: 'slow' } });
  assert.deepEqual(await endpoint.cancel(id), { id, status: 'CANCELLED' });
  const end = await endpoint.statusSync(id, 20_000);
  assert.equal(end.status, 'CANCELLED');
});
await check('health and purgeQueue', async () => {
  await endpoint.run({ input: { prompt: 'stay in the queue' } });
  const { jobs, workers } = await endpoint.health();
  assert.ok(jobs.inQueue >= 1 && jobs.completed >= 2 && typeof workers.idle === 'number');
  const purged = await endpoint.purgeQueue();
  assert.ok(purged.removed >= 1);
  assert.equal(purged.status, 'completed');
});
await check('a wrong key is refused', async () => {
  const stranger = runpodSdk('wrong', { baseUrl: `${base}/v2` }).endpoint('any-endpoint');
  await assert.rejects(stranger.run({ input }), /401/);
});

process.stdout.write(`${results.passed} passed, ${results.failed} failed\n`);
process.exitCode = results.failed === 0 ? 0 : 1;
