/**
 * An S3 bucket, or any store that speaks its protocol and enforces conditional writes.
 *
 * Holds: a conditional write that reports `written: true` is the one that took effect, even when its first
 * answer was lost and the client's own retry met the object it had just written.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { contentTypeOf, RetryableError } from '@espalier/contracts';
import type { FileStore, ObjectStream, PutFileOptions, ReadFromOptions } from '../file-store.ts';
import type { LinkSigner } from '../link-signer.ts';
import type { ListPage, ObjectInfo, ObjectStore, PutOptions, PutResult, StoredObject } from '../object-store.ts';
import { makeS3Client, type S3ClientOptions } from './client.ts';
import { answerOf, attemptsOf, isConditionFailure, isConflict, isMissingKey, s3Error } from './errors.ts';
import type { S3Location } from './location.ts';
import { checkKey, decodeListedKey, plainEtag, quotedEtag } from './names.ts';

export interface S3StoreOptions extends S3ClientOptions {
  /** Larger objects go up in parts, but for those under `ifMatch`. Bytes. @defaultValue 32 MiB */
  readonly multipartFrom?: number;
  /** Waits between tries that the SDK does not make itself. @defaultValue real time */
  readonly sleep?: (milliseconds: number) => Promise<unknown>;
  /** In [0, 1). @defaultValue Math.random */
  readonly random?: () => number;
}

const S3_STORE_DEFAULTS = { multipartFrom: 32 * 1024 * 1024, partSize: 16 * 1024 * 1024 } as const;

const PAGE = 1000;
const CONFLICT_TRIES = 8;
const BODY_TRIES = 4;
/** Metadata that marks one write among all writes, so that its author can tell it from others'. */
const WRITE_MARK = 'espalier-write';

export class S3Store implements ObjectStore, LinkSigner, FileStore {
  readonly location: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #multipartFrom: number;
  readonly #sleep: (milliseconds: number) => Promise<unknown>;
  readonly #random: () => number;

  constructor(location: S3Location, options: S3StoreOptions = {}) {
    this.#client = makeS3Client(options);
    this.#bucket = location.bucket;
    this.#prefix = location.prefix;
    this.location = `s3://${location.bucket}${location.prefix === '' ? '' : `/${location.prefix.slice(0, -1)}`}`;
    this.#multipartFrom = options.multipartFrom ?? S3_STORE_DEFAULTS.multipartFrom;
    this.#sleep = options.sleep ?? sleep;
    this.#random = options.random ?? Math.random;
  }

  async get(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<StoredObject | undefined> {
    const target = this.#target(key);
    return this.#attempt(`reading ${key}`, async () => {
      // The SDK tries requests again, but not bodies that break off or fail their checksum on the way.
      for (let turn = 1; ; turn += 1) {
        let answered = false;
        try {
          const answer = await this.#client.send(new GetObjectCommand(target), sendOptions(options.signal));
          answered = true;
          const body = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
          return {
            key,
            body,
            etag: plainEtag(answer.ETag),
            size: body.byteLength,
            modifiedAt: answer.LastModified?.getTime() ?? 0,
          };
        } catch (thrown) {
          if (isMissingKey(thrown)) return undefined;
          options.signal?.throwIfAborted();
          if (!answered || turn === BODY_TRIES) throw thrown;
          await this.#pause(turn);
        }
      }
    });
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return this.#attempt(`looking up ${key}`, async () => (await this.#head(key))?.info);
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    const mark = randomUUID();
    const input = {
      ...this.#target(key),
      Body: body,
      ContentType: options.contentType ?? contentTypeOf(key),
      ...(options.ifNoneMatch !== undefined && { IfNoneMatch: options.ifNoneMatch, Metadata: { [WRITE_MARK]: mark } }),
      ...(options.ifMatch !== undefined && {
        IfMatch: quotedEtag(options.ifMatch),
        Metadata: { [WRITE_MARK]: mark },
      }),
    };
    const conditional = options.ifNoneMatch !== undefined || options.ifMatch !== undefined;
    // Stores are less sure to check `If-Match` where parts are put together: such objects go up in one piece.
    const inParts = body.byteLength >= this.#multipartFrom && options.ifMatch === undefined;
    return this.#attempt(`writing ${key}`, async () => {
      let unsure = false;
      for (let turn = 1; ; turn += 1) {
        try {
          const answer = inParts
            ? await this.#upload(input, options.signal)
            : await this.#client.send(new PutObjectCommand(input), sendOptions(options.signal));
          return { written: true, etag: plainEtag(answer.ETag) };
        } catch (thrown) {
          options.signal?.throwIfAborted();
          unsure ||= mayHaveWritten(thrown, inParts);
          if (conditional && isConflict(thrown)) {
            if (turn === CONFLICT_TRIES) throw conflictError(thrown, key, this.location);
            await this.#pause(turn);
          } else if (conditional && hasLost(thrown, options)) {
            return unsure ? await this.#ownWrite(key, mark) : { written: false };
          } else if (conditional && unsure) {
            // No clear answer at all: if the write took effect, it is better known now than found by a stranger.
            const own = await this.#ownWrite(key, mark).catch(() => ({ written: false }) as const);
            if (own.written) return own;
            throw thrown;
          } else throw thrown;
        }
      }
    });
  }

  async delete(key: string, options: { readonly ifMatch?: string } = {}): Promise<boolean> {
    const condition = options.ifMatch === undefined ? {} : { IfMatch: quotedEtag(options.ifMatch) };
    return this.#attempt(`deleting ${key}`, async () => {
      for (let turn = 1; ; turn += 1) {
        try {
          await this.#client.send(new DeleteObjectCommand({ ...this.#target(key), ...condition }));
          return true;
        } catch (thrown) {
          // Gone at a later try: most likely by the earlier one, whose answer was lost.
          if (isMissingKey(thrown)) return options.ifMatch === undefined || attemptsOf(thrown) > 1;
          if (isConditionFailure(thrown)) return false;
          if (!isConflict(thrown)) throw thrown;
          if (turn === CONFLICT_TRIES) throw conflictError(thrown, key, this.location);
          await this.#pause(turn);
        }
      }
    });
  }

  async list(prefix: string, options: { readonly after?: string; readonly limit?: number } = {}): Promise<ListPage> {
    const after = options.after;
    return this.#attempt(`listing ${prefix}`, async () => {
      const answer = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: this.#prefix + prefix,
          MaxKeys: Math.min(PAGE, options.limit ?? PAGE),
          // Keys may hold characters that XML cannot.
          EncodingType: 'url',
          ...(after !== undefined && after !== '' && { StartAfter: this.#prefix + after }),
        }),
      );
      const objects = (answer.Contents ?? []).map((entry) => ({
        key: decodeListedKey(entry.Key ?? '', answer.EncodingType === 'url').slice(this.#prefix.length),
        etag: plainEtag(entry.ETag),
        size: entry.Size ?? 0,
        modifiedAt: entry.LastModified?.getTime() ?? 0,
      }));
      const last = objects.at(-1);
      return answer.IsTruncated === true && last !== undefined ? { objects, next: last.key } : { objects };
    });
  }

  /** A link with which anybody can read the object for `seconds`, at most seven days. */
  async signLink(key: string, seconds: number): Promise<string> {
    return this.#attempt(`signing a link to ${key}`, () =>
      getSignedUrl(this.#client, new GetObjectCommand(this.#target(key)), { expiresIn: seconds }),
    );
  }

  /** In parts, four at a time: at most four of them lie in memory. */
  async putFile(key: string, path: string, options: PutFileOptions = {}): Promise<void> {
    await this.#attempt(`writing ${key}`, async () => {
      const { size } = await stat(path);
      const input = { ...this.#target(key), Body: createReadStream(path), ContentType: contentTypeOf(key) };
      try {
        await this.#uploadParts(input, size, options.signal, options.onProgress);
      } finally {
        input.Body.destroy();
      }
    });
  }

  async readFrom(key: string, offset: number, options: ReadFromOptions = {}): Promise<ObjectStream | undefined> {
    const { bytes, ifMatch } = options;
    const last = bytes === undefined ? '' : offset + bytes - 1;
    const request = {
      ...this.#target(key),
      ...((offset > 0 || bytes !== undefined) && { Range: `bytes=${offset}-${last}` }),
      ...(ifMatch !== undefined && { IfMatch: quotedEtag(ifMatch) }),
    };
    return this.#attempt(`reading ${key}`, async () => {
      try {
        const answer = await this.#client.send(new GetObjectCommand(request), sendOptions(options.signal));
        // The SDK's body is a Node stream here. One that is aborted before anybody reads it must not end the process.
        const body = answer.Body as unknown as Readable;
        body.on('error', () => {});
        return { size: Number(answer.ContentRange?.split('/')[1] ?? answer.ContentLength ?? 0), body };
      } catch (thrown) {
        if (isMissingKey(thrown) || (ifMatch !== undefined && isConditionFailure(thrown))) return undefined;
        throw thrown;
      }
    });
  }

  /** Closes idle connections. */
  close(): void {
    this.#client.destroy();
  }

  #upload(input: PutInput, signal: AbortSignal | undefined) {
    return this.#uploadParts(input, input.Body.byteLength, signal);
  }

  async #uploadParts(
    params: Omit<PutInput, 'Body'> & { readonly Body: Uint8Array | ReadStream },
    size: number,
    signal: AbortSignal | undefined,
    onProgress?: (bytes: number) => void,
  ) {
    const upload = new Upload({
      client: this.#client,
      params,
      queueSize: 4,
      // At most 10,000 parts make an object.
      partSize: Math.max(S3_STORE_DEFAULTS.partSize, Math.ceil(size / 10_000)),
    });
    if (onProgress !== undefined) upload.on('httpUploadProgress', ({ loaded }) => onProgress(loaded ?? 0));
    const abort = () => void upload.abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await upload.done();
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async #head(key: string) {
    try {
      const answer = await this.#client.send(new HeadObjectCommand(this.#target(key)));
      const info: ObjectInfo = {
        key,
        etag: plainEtag(answer.ETag),
        size: answer.ContentLength ?? 0,
        modifiedAt: answer.LastModified?.getTime() ?? 0,
      };
      return { info, mark: answer.Metadata?.[WRITE_MARK] };
    } catch (thrown) {
      if (isMissingKey(thrown)) return undefined;
      throw thrown;
    }
  }

  /** What became of a conditional write whose answer was lost. */
  async #ownWrite(key: string, mark: string): Promise<PutResult> {
    const found = await this.#head(key);
    return found?.mark === mark ? { written: true, etag: found.info.etag } : { written: false };
  }

  #target(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: checkKey(this.#prefix, key) };
  }

  /** Exponential with full jitter, from 50 ms. */
  async #pause(turn: number): Promise<void> {
    await this.#sleep(this.#random() * Math.min(3000, 50 * 2 ** turn));
  }

  async #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw s3Error(thrown, this.location, doing);
    }
  }
}

interface PutInput {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body: Uint8Array;
  readonly ContentType: string;
  readonly IfNoneMatch?: string;
}

/** Whether an earlier try of the same request, or this one, may have taken effect without being answered. */
function mayHaveWritten(thrown: unknown, inParts: boolean): boolean {
  const answer = answerOf(thrown);
  if (answer === undefined || answer.status >= 500 || answer.status === 0) return true;
  return attemptsOf(thrown) > 1 || (inParts && answer.name === 'NoSuchUpload');
}

/** `If-Match` on a key that is gone is answered 404 by AWS and 412 by others: the write is lost either way. */
function hasLost(thrown: unknown, options: PutOptions): boolean {
  if (isConditionFailure(thrown) || answerOf(thrown)?.name === 'NoSuchUpload') return true;
  return options.ifMatch !== undefined && isMissingKey(thrown);
}

function conflictError(thrown: unknown, key: string, location: string): RetryableError {
  return new RetryableError(`writing ${key} failed: ${location} kept answering with a conflict`, {
    code: 'STORE_BUSY',
    remedy: 'nothing to do: it is tried again later',
    cause: thrown,
  });
}

function sendOptions(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : { abortSignal: signal };
}
