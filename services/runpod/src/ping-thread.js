/**
 * The thread behind `ping.ts`. Plain JavaScript: it loads nothing, and so lives from the worker's first second.
 *
 * @typedef {import('./ping.ts').PingSettings} PingSettings
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

const RETRIES = 3;

const { url, milliseconds, apiKey, version } = /** @type {PingSettings} */ (workerData);
/** @type {readonly string[]} */
let jobs = [];
parentPort?.on('message', (ids) => {
  jobs = ids;
});

for (;;) {
  const next = performance.now() + milliseconds;
  await ping();
  await sleep(Math.max(0, next - performance.now()));
}

async function ping() {
  const target = new URL(url);
  if (jobs.length > 0) target.searchParams.set('job_id', jobs.join(','));
  target.searchParams.set('runpod_version', version);
  for (let turn = 0; ; turn += 1) {
    const fault = await once(target);
    if (fault === undefined) return;
    if (turn === RETRIES || !fault.retry) {
      parentPort?.postMessage(fault.message);
      return;
    }
    await sleep(Math.min(milliseconds / 2, 250 * 2 ** turn));
  }
}

/** @param {URL} target */
async function once(target) {
  try {
    const signal = AbortSignal.timeout(milliseconds * 2);
    const response = await fetch(target, { headers: { authorization: apiKey }, signal });
    await response.arrayBuffer();
    if (response.ok) return undefined;
    return { retry: response.status === 429 || response.status >= 500, message: `answered ${response.status}` };
  } catch (error) {
    return { retry: true, message: String(error) };
  }
}
