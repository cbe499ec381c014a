/**
 * The server that the clients are run against: a gateway on a folder bucket, and the worker's part played at once
 * for every job that comes, so that a client sees all states. Prints its URL. `--keys` asks for the key `KEY` prints.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FolderStore, idFromKey, JOBS_PREFIX } from '@espalier/storage';
import { createApiKey, createGateway, parseApiKeys } from '../../src/index.ts';
import { BucketWorker } from '../bucket-worker.ts';

const store = await FolderStore.open(await mkdtemp(join(tmpdir(), 'espalier-clients-')));
const { key, line } = createApiKey('client');
const worker = new BucketWorker(store);
const gateway = await createGateway({
  store,
  keys: process.argv.includes('--keys') ? parseApiKeys(line, 'test') : [],
  limits: { rates: false, watchMilliseconds: 50 },
});
const base = await gateway.listen({ port: 0 });
process.stdout.write(`${JSON.stringify({ base, key })}\n`);
process.on('SIGTERM', () => void gateway.close().then(() => process.exit(0)));

const seen = new Set<string>();
for (;;) {
  for (const { key: name } of (await store.list(JOBS_PREFIX)).objects) {
    const id = idFromKey(JOBS_PREFIX, name);
    if (id === undefined || seen.has(id)) continue;
    seen.add(id);
    void work(id);
  }
  await sleep(50);
}

/** A prompt says what shall become of its job. */
async function work(id: string): Promise<void> {
  try {
    const stored = await store.get(`${JOBS_PREFIX}${id}.json`);
    const { prompt } = JSON.parse(Buffer.from(stored?.body ?? []).toString()).input;
    if (/stay in the queue/.test(prompt)) return;
    if (/fail/.test(prompt)) {
      await worker.claim(id);
      await worker.fail(id, 'OUT_OF_MEMORY', 'GPU out of memory. Try a simpler prompt or lower texture_size.');
      return;
    }
    const pause = () => sleep(/slow/.test(prompt) ? 300 : 15);
    await worker.run(id, { pause: async () => void (await pause()) });
  } catch (error) {
    process.stderr.write(`${id}: ${String(error)}\n`);
  }
}
