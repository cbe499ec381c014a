import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@espalier/contracts';
import { FolderStore } from '@espalier/storage';
import { Worker } from '@espalier/worker';
import { beforeEach, expect, it } from 'vitest';
import { runCli } from '../src/program.ts';
import { captureIo, temporaryFolder } from './capture-io.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});

async function espalier(...args: string[]) {
  const io = captureIo({ cwd: folder, env: { ESPALIER_STORE: folder } });
  const code = await runCli(io, args);
  return { code, stdout: io.stdout, stderr: io.stderr };
}

/** A worker whose jobs end as the test says. */
async function work(outcome: () => Promise<never>): Promise<void> {
  const worker = new Worker({
    store: await FolderStore.open(folder),
    runner: { run: outcome },
    logger: silentLogger,
    random: () => 5,
    leaseSeconds: 30,
  });
  await worker.drain(new AbortController().signal);
}

it('submits, tells the state, cancels, and tells the end', async () => {
  const sent = await espalier('submit', 'a wooden chest', '--seed', '3');
  expect(sent.code).toBe(0);
  const id = sent.stdout.trim();
  expect(id).toMatch(/^a-wooden-chest-[0-9a-f]{10}$/);
  expect((await espalier('status', id)).stdout).toContain(`${id}: queued`);
  expect((await espalier('cancel', id)).stdout).toContain('will be cancelled when a worker takes it up');
  await work(() => Promise.reject(new Error('must not run')));
  const after = await espalier('status', id, '--json');
  expect(JSON.parse(after.stdout)).toMatchObject({ id, state: 'cancelled' });
  const again = await espalier('cancel', id);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('[JOB_ENDED]')]);
  const watched = await espalier('watch', id);
  expect([watched.code, watched.stdout]).toEqual([1, expect.stringContaining('cancelled')]);
});

it('gives each job its own id, and a second one of a name is refused', async () => {
  const [one, two] = [await espalier('submit', 'a'), await espalier('submit', 'a')];
  expect(one.stdout).not.toBe(two.stdout);
  expect((await espalier('submit', 'a', '--id', 'mine', '--json')).stdout).toBe(
    '{"ok":true,"id":"mine","key":"jobs/mine.json"}\n',
  );
  const taken = await espalier('submit', 'b', '--id', 'mine');
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining('[ID_TAKEN]')]);
  const slashes = await espalier('submit', 'b', '--id', '../x');
  expect([slashes.code, slashes.stderr]).toEqual([2, expect.stringContaining('[ID_INVALID]')]);
});

it('leaves the seed of a job that names none to the worker, and shows what became of it', async () => {
  const id = (await espalier('submit', 'a')).stdout.trim();
  await work(() => Promise.reject(new Error('the weights are gone')));
  const { code, stdout } = await espalier('status', id);
  expect(code).toBe(0);
  expect(stdout).toContain('seed 5, attempt 1');
  expect(stdout).toContain('failed: the weights are gone');
});

it('takes a job that goes on from another one, if that one is there', async () => {
  await writeFile(join(folder, 'again.json'), '{"from": "first", "input": {"texture_size": 2048}}');
  const missing = await espalier('submit', '--job', 'again.json');
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('[FROM_NOT_FOUND]')]);
  await espalier('submit', 'a chest', '--id', 'first');
  await work(() => Promise.reject(new Error('no matter')));
  const sent = await espalier('submit', '--job', 'again.json', '--id', 'second');
  expect(sent).toMatchObject({ code: 0, stdout: 'second\n' });
  const named = await espalier('submit', '--from', 'first', '--simplify', '0.5', '--id', 'third');
  expect(named).toMatchObject({ code: 0, stdout: 'third\n' });
  expect(JSON.parse(await readFile(join(folder, 'jobs/third.json'), 'utf8'))).toEqual({
    from: 'first',
    id: 'third',
    simplify: 0.5,
  });
  const other = await espalier('submit', 'a barrel', '--from', 'first');
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('[FROM_INVALID]')]);
});

it('says where it looked for a job that is not there', async () => {
  for (const id of ['nope', '../x', 'a/b']) {
    const { code, stderr } = await espalier('status', id);
    expect([code, stderr]).toEqual([1, expect.stringContaining('[JOB_NOT_FOUND]')]);
    expect(stderr).toContain(folder);
  }
  const { code, stderr } = await espalier('status', 'a', '--store', 'typo');
  expect([code, stderr]).toEqual([1, expect.stringContaining('typo')]);
  expect(await readdir(folder), 'looking creates nothing').toEqual([]);
});
