/** One job of the tiny model in a process of its own: `job-process.ts STORE`. Events with times go to stdout. */
import { fileURLToPath } from 'node:url';
import type { Job } from '@espalier/contracts';
import { openRuntime, runJob } from '@espalier/pipeline';
import { FolderStore } from '@espalier/storage';

const job: Job = {
  id: 'bench',
  input: { prompt: 'A wooden treasure chest', seed: 42, simplify: 0.95, texture_size: 1024 },
  outputs: ['glb'],
  sampler: { structure: { steps: 25 }, latent: { steps: 25 } },
  tags: {},
};

const store = await FolderStore.open(process.argv[2] ?? '');
const runtime = await openRuntime({
  model: fileURLToPath(new URL('../../models/trellis-tiny', import.meta.url)),
  device: 'cpu',
});
const { stats } = await runJob(job, {
  store,
  runtime,
  saveSeconds: 0.1,
  onProgress: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
});
process.stdout.write(`${JSON.stringify({ stats })}\n`);
await runtime.close();
