/** Disks that fail, and processes that die at the worst moment. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newOwnerTag, nodeFlagsFor } from '@espalier/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderStore } from '../src/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-faults-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a bucket that cannot be opened', () => {
  it('names a file in place of a folder', async () => {
    const path = join(folder, 'file');
    await writeFile(path, '');
    for (const root of [path, join(path, 'below')]) {
      await expect(FolderStore.open(root)).rejects.toMatchObject({ name: 'TerminalError', code: 'STORE_NOT_A_FOLDER' });
    }
  });
});

describe('a key that is the folder of another', () => {
  it('is refused with the reason, and nothing is lost', async () => {
    const store = await FolderStore.open(folder);
    await store.put('a', bytes('1'));
    await expect(store.put('a/b', bytes('2'))).rejects.toMatchObject({ code: 'STORE_KEY_CONFLICT' });
    await store.put('c/d', bytes('3'));
    await expect(store.put('c', bytes('4'))).rejects.toMatchObject({ code: 'STORE_KEY_CONFLICT' });
    expect((await store.list('')).objects.map(({ key }) => key)).toEqual(['a', 'c/d']);
    await store.delete('c/d');
    await store.delete('a');
    expect((await store.put('a/b', bytes('2'))).written, 'once the other is gone the key is free').toBe(true);
  });
});

const [MOUNT, UMOUNT] = ['/usr/bin/mount', '/usr/bin/umount'];

/** Mounting needs root and a kernel that lets us; elsewhere these are skipped, visibly. */
const canMount = (() => {
  const probe = join(tmpdir(), `espalier-mount-${process.pid}`);
  try {
    execFileSync('mkdir', ['-p', probe]);
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync(UMOUNT, [probe]);
    return true;
  } catch {
    return false;
  } finally {
    execFileSync('rmdir', [probe]);
  }
})();

describe.skipIf(!canMount)('a disk of its own (needs root)', () => {
  let disk: string;
  beforeEach(async () => {
    disk = join(folder, 'disk');
    await mkdir(disk);
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  });
  afterEach(() => {
    execFileSync(UMOUNT, [disk]);
  });

  it('that is full: says so, keeps what was there, and goes on once there is room', async () => {
    const store = await FolderStore.open(disk);
    await store.put('status/a.json', bytes('kept'));
    await store.put('ballast', new Uint8Array(600 * 1024));
    const big = new Uint8Array(700 * 1024);
    for (const options of [{}, { ifNoneMatch: '*' as const }]) {
      await expect(store.put('results/a', big, options)).rejects.toMatchObject({
        name: 'RetryableError',
        code: 'STORE_FULL',
      });
    }
    expect(await store.get('results/a'), 'nothing half-written').toBeUndefined();
    expect(await readdir(join(disk, '.espalier', 'tmp')), 'and nothing left behind').toEqual([]);
    expect(Buffer.from((await store.get('status/a.json'))?.body ?? []).toString()).toBe('kept');
    await store.delete('ballast');
    expect((await store.put('results/a', big)).written).toBe(true);
  });

  it('that is read-only: reads, refuses to write, and refuses to open', async () => {
    const store = await FolderStore.open(disk);
    await store.put('k', bytes('kept'));
    execFileSync(MOUNT, ['-o', 'remount,ro', disk]);
    expect(Buffer.from((await store.get('k'))?.body ?? []).toString()).toBe('kept');
    await expect(store.put('k', bytes('new'))).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'STORE_READ_ONLY',
    });
    await expect(store.delete('k')).rejects.toMatchObject({ code: 'STORE_READ_ONLY' });
    await expect(FolderStore.open(disk)).rejects.toMatchObject({ code: 'STORE_READ_ONLY' });
    const looking = await FolderStore.open(disk, { readOnly: true });
    expect((await looking.list('')).objects.map(({ key }) => key)).toEqual(['k']);
    await expect(looking.put('k', bytes('new'))).rejects.toMatchObject({ code: 'STORE_READ_ONLY' });
    await expect(FolderStore.open(join(disk, 'new'))).rejects.toMatchObject({ code: 'STORE_READ_ONLY' });
    execFileSync(MOUNT, ['-o', 'remount,rw', disk]);
    expect((await store.put('k', bytes('new'))).written).toBe(true);
  });
});

describe('a process that dies', () => {
  it('while it holds a lock does not keep the others out, and one of them takes over', async () => {
    const store = await FolderStore.open(folder);
    const seen = await store.put('record', bytes('0'));
    if (!seen.written) throw new Error('not written');
    const script = new URL('./lock-holder.ts', import.meta.url);
    const holder = spawn(process.execPath, [...nodeFlagsFor(script), script.pathname, folder, 'record'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const waiting = Promise.all(
      Array.from({ length: 20 }, (_unused, index) => store.put('record', bytes(`w${index}`), { ifMatch: seen.etag })),
    );
    const other = await FolderStore.open(folder);
    const alsoWaiting = other.put('record', bytes('other'), { ifMatch: seen.etag });
    const state = await Promise.race([waiting.then(() => 'written'), once(holder.stdout, 'data').then(() => 'held')]);
    expect(state, 'a living holder is waited for').toBe('held');
    holder.kill('SIGKILL');
    const results = [...(await waiting), await alsoWaiting];
    expect(results.filter(({ written }) => written)).toHaveLength(1);
    expect(await readdir(join(folder, '.espalier', 'locks')), 'no lock and no mark is left').toEqual([]);
  });

  it('leaves drafts that the next one to open sweeps away, and no others', async () => {
    await FolderStore.open(folder);
    const temporary = join(folder, '.espalier', 'tmp');
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'exit');
    const mine = newOwnerTag();
    const [machine, , start, nonce] = mine.split('-');
    const dead = [machine, gone.pid, start, nonce].join('-');
    const reused = [machine, process.pid, Number(start) - 1, nonce].join('-');
    for (const name of [mine, dead, reused, 'elsewhere-1-1-abc']) await writeFile(join(temporary, name), 'half');
    await FolderStore.open(folder);
    expect((await readdir(temporary)).sort()).toEqual([mine, 'elsewhere-1-1-abc'].sort());
    expect(await readFile(join(temporary, mine), 'utf8')).toBe('half');
  });
});
