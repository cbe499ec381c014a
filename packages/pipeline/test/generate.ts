/**
 * Runs the tiny job in a process of its own and prints its events as JSON lines, for tests that kill it:
 * `generate.ts STORE SAVE_SECONDS`.
 */
import { FolderStore } from '@espalier/storage';
import { openRuntime, runJob } from '../src/index.ts';
import { TINY_MODEL, tinyJob } from './tiny-job.ts';

const [folder = '', saveSeconds = '0'] = process.argv.slice(2);
const runtime = await openRuntime({ model: TINY_MODEL, device: 'cpu', threads: 1 });
await runJob(tinyJob({ steps: 30 }), {
  store: await FolderStore.open(folder),
  runtime,
  saveSeconds: Number(saveSeconds),
  onProgress: (event) => process.stdout.write(`${JSON.stringify({ ...event, child: runtime.inference.pid })}\n`),
});
await runtime.close();
