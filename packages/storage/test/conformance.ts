/**
 * What every `ObjectStore` adapter must hold. The same suite runs against each of them; races run over several
 * processes, each with an adapter of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeFlagsFor } from '@espalier/contracts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileStore, ObjectStore, ReadFromOptions } from '../src/index.ts';
import type { RacerOrder, RacerReport } from './racer.ts';

export interface StoreUnderTest {
  readonly store: ObjectStore & FileStore;
  /** Opens the same bucket in another process: default export of a module, and its argument. */
  readonly remote: { readonly module: string; readonly argument: string };
  dispose(): Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (body: Uint8Array | undefined) => (body === undefined ? undefined : new TextDecoder().decode(body));

export function describeObjectStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as an object store`, () => {
    let under: StoreUnderTest;
    let store: ObjectStore & FileStore;
    beforeEach(async () => {
      under = await open();
      store = under.store;
    });
    const readPart = async (key: string, offset: number, options: ReadFromOptions): Promise<Uint8Array> => {
      const parts: Uint8Array[] = [];
      for await (const part of (await store.readFrom(key, offset, options))?.body ?? []) parts.push(part);
      return new Uint8Array(Buffer.concat(parts));
    };
    afterEach(() => under.dispose());

    it('gives back what was put, with size, ETag and time', async () => {
      const put = await store.put('jobs/a.json', bytes('{"prompt":"a"}'), { contentType: 'application/json' });
      const got = await store.get('jobs/a.json');
      expect(text(got?.body)).toBe('{"prompt":"a"}');
      expect(put).toEqual({ written: true, etag: got?.etag });
      expect(await store.head('jobs/a.json')).toEqual({
        key: 'jobs/a.json',
        etag: got?.etag,
        size: 14,
        modifiedAt: got?.modifiedAt,
      });
      expect(got?.modifiedAt).toBeGreaterThan(Date.UTC(2020));
      expect(await store.get('jobs/b.json')).toBeUndefined();
      expect(await store.head('jobs/b.json')).toBeUndefined();
      expect(await store.head('jobs'), 'a prefix is no object').toBeUndefined();
    });

    it('takes files of the disk, and gives their bytes from any place on', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'espalier-files-'));
      try {
        const path = join(folder, 'file');
        const content = Uint8Array.from({ length: 40 * 1024 * 1024 }, (_unused, index) => (index * 31) % 253);
        await writeFile(path, content);
        const told: number[] = [];
        await store.put('models/a', bytes('before'));
        await store.putFile('models/a', path, { onProgress: (sent) => told.push(sent) });
        expect(told.at(-1)).toBe(content.length);
        for (const offset of [0, 1, 33_000_000, content.length - 1]) {
          const stream = await store.readFrom('models/a', offset);
          expect(stream?.size).toBe(content.length);
          const parts: Uint8Array[] = [];
          for await (const part of stream?.body ?? []) parts.push(part);
          expect(Buffer.compare(Buffer.concat(parts), content.subarray(offset)), `from ${offset}`).toBe(0);
        }
        expect(await store.readFrom('models/b', 0)).toBeUndefined();
        await expect(readPart('models/a', 33_000_000, { bytes: 5 })).resolves.toEqual(
          content.slice(33_000_000, 33_000_005),
        );
        await expect(readPart('models/a', content.length - 2, { bytes: 9 })).resolves.toEqual(content.slice(-2));
        await expect(store.putFile('models/b', join(folder, 'none'))).rejects.toThrow();
        expect(await store.head('models/b')).toBeUndefined();
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    it('gives the bytes of one version alone', async () => {
      const first = await store.put('k', bytes('one version'));
      const { etag = '' } = (await store.head('k')) ?? {};
      expect(first).toEqual({ written: true, etag });
      expect(text(await readPart('k', 4, { bytes: 3, ifMatch: etag }))).toBe('ver');
      expect((await store.readFrom('k', 4, { bytes: 3, ifMatch: etag }))?.size, 'of the whole object').toBe(11);
      await store.put('k', bytes('two versions'));
      expect(await store.readFrom('k', 4, { bytes: 3, ifMatch: etag })).toBeUndefined();
      expect(text(await readPart('k', 0, { bytes: 3 }))).toBe('two');
    });

    it('holds empty and large objects unchanged', async () => {
      const large = new Uint8Array(70 * 1024 * 1024);
      for (let i = 0; i < large.length; i += 4093) large[i] = i % 251;
      await store.put('empty', new Uint8Array());
      await store.put('large', large, { ifNoneMatch: '*' });
      expect((await store.get('empty'))?.body).toHaveLength(0);
      const back = await store.get('large');
      expect(Buffer.compare(back?.body ?? new Uint8Array(), large)).toBe(0);
      expect((await store.head('large'))?.etag).toBe(back?.etag);
      expect((await store.list('large')).objects[0]?.size).toBe(large.length);
    });

    it('changes the ETag with the content, and only with it', async () => {
      const first = await store.put('k', bytes('one'));
      const second = await store.put('k', bytes('two'));
      expect(first.written && second.written && first.etag !== second.etag).toBe(true);
      expect((await store.head('k'))?.etag).toBe(second.written && second.etag);
      expect((await store.list('k')).objects[0]?.etag).toBe(second.written && second.etag);
    });

    it('creates only where nothing is', async () => {
      expect((await store.put('k', bytes('one'), { ifNoneMatch: '*' })).written).toBe(true);
      expect(await store.put('k', bytes('two'), { ifNoneMatch: '*' })).toEqual({ written: false });
      expect(text((await store.get('k'))?.body)).toBe('one');
      await store.delete('k');
      expect((await store.put('k', bytes('three'), { ifNoneMatch: '*' })).written).toBe(true);
    });

    it('replaces only the version that was seen', async () => {
      expect(await store.put('k', bytes('new'), { ifMatch: 'nothing-there' })).toEqual({ written: false });
      expect(await store.get('k'), 'a failed condition writes nothing').toBeUndefined();
      const first = await store.put('k', bytes('one'));
      if (!first.written) throw new Error('not written');
      const second = await store.put('k', bytes('two'), { ifMatch: first.etag });
      expect(second.written).toBe(true);
      expect(await store.put('k', bytes('three'), { ifMatch: first.etag })).toEqual({ written: false });
      expect(text((await store.get('k'))?.body)).toBe('two');
    });

    it('deletes, also conditionally, and forgives what is gone', async () => {
      expect(await store.delete('k')).toBe(true);
      const put = await store.put('k', bytes('one'));
      if (!put.written) throw new Error('not written');
      await store.put('k', bytes('two'));
      expect(await store.delete('k', { ifMatch: put.etag })).toBe(false);
      expect(text((await store.get('k'))?.body)).toBe('two');
      expect(await store.delete('k', { ifMatch: (await store.head('k'))?.etag ?? '' })).toBe(true);
      expect(await store.get('k')).toBeUndefined();
    });

    it('does nothing once aborted', async () => {
      const signal = AbortSignal.abort();
      await expect(store.put('k', bytes('x'), { signal })).rejects.toThrow();
      expect(await store.get('k')).toBeUndefined();
      await expect(store.get('k2', { signal })).rejects.toThrow();
    });

    it('lists past 1,000 keys, in order, page by page', async () => {
      const keys = Array.from({ length: 1203 }, (_unused, i) => `jobs/${String(i).padStart(5, '0')}.json`);
      await inParallel(keys, 16, (key) => store.put(key, bytes(key)));
      await store.put('job', bytes(''));
      await store.put('jobs-not', bytes(''));
      const first = await store.list('jobs/');
      expect(first.objects).toHaveLength(1000);
      const second = await store.list('jobs/', { after: first.next ?? 'missing' });
      expect(second.next).toBeUndefined();
      expect([...first.objects, ...second.objects].map(({ key }) => key)).toEqual(keys);
      const page = await store.list('jobs/', { after: 'jobs/00997.json', limit: 5 });
      expect(page.objects.map(({ key }) => key)).toEqual(keys.slice(998, 1003));
      const exact = await store.list('jobs/', { after: 'jobs/01197.json', limit: 5 });
      expect([exact.objects.length, exact.next], 'a last page that is just full').toEqual([5, undefined]);
      expect((await store.list('nothing/')).objects).toEqual([]);
    });

    it('orders keys by their bytes, folders or not', async () => {
      const keys = ['a-b', 'a.b', 'a/b', 'a/b-c', 'a/c/d', 'a0', 'b', 'Z', 'é', '\u{1F4E6}', '\uFFFD', 'a/'];
      for (const key of keys) await store.put(key, bytes(key));
      const sorted = [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
      expect(await allKeys(store, '')).toEqual(sorted);
      expect(await allKeys(store, '', 1)).toEqual(sorted);
      expect(await allKeys(store, 'a/')).toEqual(sorted.filter((key) => key.startsWith('a/')));
      expect(await allKeys(store, 'a')).toEqual(sorted.filter((key) => key.startsWith('a')));
    });

    it('holds odd keys (property)', async () => {
      const segment = fc.oneof(
        fc.string({ unit: 'grapheme', minLength: 0, maxLength: 12 }),
        fc.constantFrom(
          '.',
          '..',
          '%',
          '%25',
          '%2E',
          '...',
          '.espalier',
          '%.espalier',
          ' ',
          'a b+c',
          'CON',
          '~',
          '*?:"<>|\\',
        ),
      );
      const key = fc
        .array(segment, { minLength: 1, maxLength: 3 })
        .map((segments) => `odd/${segments.map((s) => s.replaceAll('/', '_').replaceAll('\0', '_')).join('/')}`)
        .filter((candidate) => Buffer.from(candidate).toString() === candidate);
      await fc.assert(
        fc.asyncProperty(key, async (candidate) => {
          await store.put(candidate, bytes(candidate));
          expect(text((await store.get(candidate))?.body)).toBe(candidate);
          expect(await allKeys(store, 'odd/')).toEqual([candidate]);
          await store.delete(candidate);
          expect(await allKeys(store, '')).toEqual([]);
        }),
        { numRuns: 150 },
      );
    });

    it('refuses keys that no store holds', async () => {
      for (const key of ['', 'x'.repeat(1025), 'half \ud83e']) {
        await expect(store.put(key, bytes('x')), JSON.stringify(key)).rejects.toMatchObject({
          code: 'STORE_KEY_INVALID',
        });
      }
    });

    it('lets one of 50 racing creators win, over five processes', async () => {
      const racers = await startRacers(under, 5);
      try {
        for (let round = 0; round < 8; round += 1) {
          const key = `race/create-${round}`;
          const reports = await race(racers, (index) => ({ kind: 'create', key, writers: 10, name: `p${index}` }));
          const winners = reports.flatMap(({ winners: names }) => names);
          expect(winners, `round ${round}`).toHaveLength(1);
          expect(text((await store.get(key))?.body)).toBe(winners[0]);
        }
      } finally {
        await stopRacers(racers);
      }
    });

    it('lets one of 50 racing replacers win, over five processes', async () => {
      const racers = await startRacers(under, 5);
      try {
        for (let round = 0; round < 8; round += 1) {
          const key = `race/replace-${round}`;
          const seen = await store.put(key, bytes('start'));
          if (!seen.written) throw new Error('not written');
          const order = { kind: 'replace', key, writers: 10, etag: seen.etag } as const;
          const reports = await race(racers, (index) => ({ ...order, name: `p${index}` }));
          const winners = reports.flatMap(({ winners: names }) => names);
          expect(winners, `round ${round}`).toHaveLength(1);
          expect(text((await store.get(key))?.body)).toBe(winners[0]);
        }
      } finally {
        await stopRacers(racers);
      }
    });

    it('loses no count when 50 writers over five processes add to one record', async () => {
      const racers = await startRacers(under, 5);
      try {
        await store.put('race/count', bytes('0'));
        await race(racers, (index) => ({ kind: 'count', key: 'race/count', writers: 10, adds: 2, name: `p${index}` }));
        expect(text((await store.get('race/count'))?.body)).toBe('100');
      } finally {
        await stopRacers(racers);
      }
    });

    it('shows no half-written object while writers are killed in the middle', async () => {
      const size = 3 * 1024 * 1024;
      for (let round = 0; round < 5; round += 1) {
        const [racer] = await startRacers(under, 1);
        if (racer === undefined) throw new Error('no racer');
        racer.child.stdin?.write(`${JSON.stringify({ kind: 'churn', key: 'race/churn', size, name: 'p' })}\n`);
        const stop = Date.now() + 150 + round * 40;
        while (Date.now() < stop) {
          const seen = await store.get('race/churn');
          if (seen === undefined) continue;
          expect(seen.body.byteLength).toBe(size);
          expect(seen.body.every((value) => value === seen.body[0])).toBe(true);
        }
        racer.child.kill('SIGKILL');
        await once(racer.child, 'exit');
      }
      // What the dead left behind stands in nobody's way.
      expect((await store.put('race/churn', bytes('after'))).written).toBe(true);
      expect(await allKeys(store, '')).toEqual(['race/churn']);
    });
  });
}

interface Racer {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

async function startRacers({ remote }: StoreUnderTest, count: number): Promise<Racer[]> {
  const script = new URL('./racer.ts', import.meta.url);
  const racers = Array.from({ length: count }, (): Racer => {
    const child = spawn(process.execPath, [...nodeFlagsFor(script), script.pathname, remote.module, remote.argument], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  for (const { lines } of racers) expect((await lines.next()).value).toBe('ready');
  return racers;
}

async function race(racers: readonly Racer[], order: (index: number) => RacerOrder): Promise<RacerReport[]> {
  for (const [index, { child }] of racers.entries()) child.stdin?.write(`${JSON.stringify(order(index))}\n`);
  return Promise.all(racers.map(async ({ lines }) => JSON.parse((await lines.next()).value) as RacerReport));
}

async function stopRacers(racers: readonly Racer[]): Promise<void> {
  await Promise.all(
    racers.map(async ({ child }) => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }),
  );
}

async function allKeys(store: ObjectStore, prefix: string, limit = 1000): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = await store.list(prefix, { after, limit });
    keys.push(...page.objects.map(({ key }) => key));
    after = page.next;
  }
  return keys;
}

async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}
