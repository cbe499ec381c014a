/** Takes the lock of a key, says so, says so once more after a while, and never lets go. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256, systemClock } from '@espalier/contracts';
import { KeyLocks } from '../src/folder/lock.ts';

const [folder = '', key = ''] = process.argv.slice(2);
const own = join(folder, '.espalier');
const locks = new KeyLocks({ folder: join(own, 'locks'), temporary: join(own, 'tmp'), clock: systemClock });
await locks.hold(sha256(key).slice(0, 32), async () => {
  process.stdout.write('held\n');
  await sleep(400);
  process.stdout.write('still held\n');
  await sleep(60_000);
});
