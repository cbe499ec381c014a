/** How the gateway serves files from a store, whichever it is: the same suite for each of them. */
import { get as httpGet } from 'node:http';
import { pipeline, Readable, Transform } from 'node:stream';
import { type FileStore, type ObjectStore, resultKey } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway, type Gateway } from '../src/index.ts';
import { BucketWorker } from './bucket-worker.ts';

type Store = ObjectStore & FileStore;

/** The store itself, with a count of what was read of the model, and a hand in its way. */
class WatchedStore {
  /** Bytes. */
  read = 0;
  /** Streams that were begun and not ended. */
  open = 0;
  /** Before a stream is opened. */
  before: () => Promise<void> = async () => {};
  readonly store: Store;

  constructor(store: Store, key: string) {
    this.store = new Proxy(store, {
      get: (target, name) => {
        if (name === 'get') return (asked: string) => this.#get(target, asked, key);
        if (name === 'readFrom') return (...asked: Parameters<Store['readFrom']>) => this.#readFrom(target, asked);
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #get(target: Store, asked: string, key: string) {
    const object = await target.get(asked);
    if (asked === key) this.read += object?.size ?? 0;
    return object;
  }

  async #readFrom(target: Store, asked: Parameters<Store['readFrom']>) {
    await this.before();
    const stream = await target.readFrom(...asked);
    if (stream === undefined) return undefined;
    const { size, body } = stream;
    // Of the same kind as it was.
    return { size, body: body instanceof Readable ? this.#through(body) : this.#counted(body) };
  }

  #through(body: Readable): Readable {
    const counter = new Transform({
      transform: (part: Uint8Array, _encoding, done) => {
        this.read += part.byteLength;
        done(null, part);
      },
    });
    this.open += 1;
    return pipeline(body, counter, () => {
      this.open -= 1;
    });
  }

  async *#counted(body: AsyncIterable<Uint8Array>) {
    this.open += 1;
    try {
      for await (const part of body) {
        this.read += part.byteLength;
        yield part;
      }
    } finally {
      this.open -= 1;
    }
  }
}

const ID = 'large';
const KEY = resultKey(ID, 'model.glb');
const SIZE = 24 * 1024 * 1024 + 5;
const CONTENT = Uint8Array.from({ length: SIZE }, (_unused, i) => (i * 31) % 253);

export function describeFileServing(
  name: string,
  open: () => Promise<{ readonly store: Store; dispose(): Promise<void> }>,
): void {
  describe(`files from ${name}`, () => {
    let watched: WatchedStore;
    let gateway: Gateway;
    let url: string;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await open();
      dispose = opened.dispose;
      watched = new WatchedStore(opened.store, KEY);
      gateway = await createGateway({ store: watched.store, limits: { rates: false } });
      const base = await gateway.listen({ port: 0 });
      url = `${base}/jobs/${ID}/model.glb`;
      const run = { id: ID, input: { prompt: 'A chest' } };
      await opened.store.put(`jobs/${ID}.json`, new TextEncoder().encode(JSON.stringify(run)));
      await new BucketWorker(opened.store).run(ID, { glb: CONTENT });
    });
    afterEach(async () => {
      await gateway.close();
      await dispose();
    });

    const get = (headers: Record<string, string> = {}, method = 'GET') => fetch(url, { method, headers });
    const bodyOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
    const etag = async () => (await get({}, 'HEAD')).headers.get('etag') ?? '';

    it('a range is served without reading the rest', async () => {
      const ranges = [
        ['bytes=20000000-20000004', 20_000_000, 20_000_004],
        ['bytes=-7', SIZE - 7, SIZE - 1],
        [`bytes=${SIZE - 3}-`, SIZE - 3, SIZE - 1],
        [`BYTES=0-${2 * SIZE}`, 0, SIZE - 1],
      ] as const;
      for (const [range, first, last] of ranges) {
        watched.read = 0;
        const response = await get({ range });
        expect(response.status, range).toBe(206);
        expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/${SIZE}`);
        expect(response.headers.get('content-length')).toBe(String(last + 1 - first));
        expect((await bodyOf(response)).equals(CONTENT.subarray(first, last + 1)), range).toBe(true);
        expect(watched.read, range).toBe(last + 1 - first);
      }
      const beyond = await get({ range: `bytes=${SIZE}-` });
      expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${SIZE}`]);
    });

    it('the whole has its length, and passes through', async () => {
      const response = await get();
      expect([response.status, response.headers.get('content-length')]).toEqual([200, String(SIZE)]);
      expect((await bodyOf(response)).equals(CONTENT)).toBe(true);
      expect(watched.read).toBe(SIZE);
      // The caller has the last byte before the stream has its end.
      await expect.poll(() => watched.open).toBe(0);
    });

    it('HEAD tells of the whole, whatever range is asked for, and reads nothing', async () => {
      for (const headers of [{}, { range: 'bytes=0-3' }, { range: `bytes=${SIZE}-` }] as Record<string, string>[]) {
        const response = await get(headers, 'HEAD');
        expect(response.status).toBe(200);
        expect(response.headers.get('content-length')).toBe(String(SIZE));
        expect(response.headers.get('content-range')).toBeNull();
        expect(response.headers.get('accept-ranges')).toBe('bytes');
      }
      expect(watched.read).toBe(0);
    });

    it('what the caller has already is not sent again', async () => {
      const current = await etag();
      expect(current).toMatch(/^"[^"]+"$/);
      for (const method of ['GET', 'HEAD']) {
        for (const known of [current, `W/${current}`, `"other", ${current}`, '*']) {
          const response = await get({ 'if-none-match': known, range: 'bytes=0-3' }, method);
          expect([response.status, response.headers.get('etag')], `${method} ${known}`).toEqual([304, current]);
          // A length here would be taken for that of the file.
          expect(response.headers.get('content-length')).toBeNull();
          expect(await bodyOf(response)).toHaveLength(0);
        }
      }
      expect(watched.read).toBe(0);
    });

    it('If-Range goes by the ETag, strongly; anything else gets the whole', async () => {
      const head = await get({}, 'HEAD');
      const current = head.headers.get('etag') ?? '';
      const status = async (ifRange: string) => {
        const response = await get({ range: 'bytes=0-3', 'if-range': ifRange });
        return [response.status, (await bodyOf(response)).length];
      };
      expect(await status(current)).toEqual([206, 4]);
      for (const other of ['"other"', `W/${current}`, head.headers.get('last-modified') ?? '']) {
        expect(await status(other), other).toEqual([200, SIZE]);
      }
    });

    it('never mixes two versions: what is replaced between the looks is looked at again', async () => {
      const old = await etag();
      const replacement = Buffer.from('another asset altogether');
      watched.before = async () => {
        watched.before = async () => {};
        await watched.store.put(KEY, replacement);
      };
      const response = await get({ range: 'bytes=8-12' });
      expect(response.headers.get('etag')).not.toBe(old);
      expect(response.headers.get('content-range')).toBe(`bytes 8-12/${replacement.length}`);
      expect((await bodyOf(response)).toString()).toBe('asset');
      watched.before = async () => {
        await watched.store.put(KEY, Buffer.from(String(Math.random())));
      };
      expect((await get()).status, 'it ends').toBe(503);
      watched.before = async () => {
        await watched.store.delete(KEY);
      };
      expect((await get()).status).toBe(404);
    });

    it('an empty file is one', async () => {
      await watched.store.put(KEY, new Uint8Array());
      const response = await get();
      expect([response.status, response.headers.get('content-length')]).toEqual([200, '0']);
      expect((await get({ range: 'bytes=0-' })).status).toBe(416);
    });

    it('a caller who leaves ends the reading', async () => {
      await new Promise<void>((resolve, reject) => {
        const request = httpGet(url, (response) => {
          response.once('data', () => {
            response.destroy();
            resolve();
          });
          response.once('error', () => {});
        });
        request.once('error', reject);
      });
      await expect.poll(() => watched.open).toBe(0);
      expect(watched.read).toBeLessThan(SIZE);
    });
  });
}
