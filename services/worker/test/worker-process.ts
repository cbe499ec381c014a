/**
 * A worker in a process of its own whose jobs take as many 10 ms steps as their prompts say.
 *
 *   node worker-process.ts <bucket folder> <drain | serve>
 *
 * Prints `<id> <step>` at every step.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type JobStats, silentLogger } from '@espalier/contracts';
import { FolderStore, resultKey } from '@espalier/storage';
import { Worker } from '../src/index.ts';

const [folder = '', mode = ''] = process.argv.slice(2);
const store = await FolderStore.open(folder);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
const worker = new Worker({
  store,
  logger: silentLogger,
  random: () => 0,
  leaseSeconds: 30,
  runner: {
    async run({ id, input }, { signal, onEvent }) {
      const steps = Number(input.prompt);
      onEvent({ type: 'stage.started', job: id, stage: 'structure', steps });
      for (let step = 1; step <= steps; step += 1) {
        process.stdout.write(`${id} ${step}\n`);
        await sleep(10);
        signal.throwIfAborted();
        onEvent({ type: 'stage.step', job: id, stage: 'structure', step, steps });
      }
      await store.put(resultKey(id, 'stats.json'), new TextEncoder().encode('{}'));
      return {} as JobStats;
    },
  },
});
await (mode === 'drain' ? worker.drain(stop.signal) : worker.serve(stop.signal));
