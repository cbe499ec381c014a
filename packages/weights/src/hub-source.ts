/** Weights from the Hugging Face hub, or from a server that answers like it. */
import { type Clock, parseRetryAfter, systemClock } from '@espalier/contracts';
import { hubError, unreachable } from './hub-errors.ts';
import { PATIENCE_DEFAULTS, type Patience, waitOf } from './patience.ts';
import { fileName, type OpenedFile, type RemoteFile, type Repository, type WeightSource } from './source.ts';

export interface HubSourceOptions {
  /** `HF_ENDPOINT`. @defaultValue https://huggingface.co */
  readonly url?: string;
  /** `HF_TOKEN`. */
  readonly token?: string;
  readonly fetch?: typeof fetch;
  readonly patience?: Partial<Patience>;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

const HUB = 'https://huggingface.co';
const COMMIT = /^[0-9a-f]{40}$/;

export class HubSource implements WeightSource {
  readonly location: string;
  readonly #token: string | undefined;
  readonly #fetch: typeof fetch;
  readonly #patience: Patience;
  readonly #clock: Clock;

  constructor(options: HubSourceOptions = {}) {
    this.location = (options.url ?? HUB).replace(/\/+$/, '');
    this.#token = options.token;
    this.#fetch = options.fetch ?? fetch;
    this.#patience = { ...PATIENCE_DEFAULTS, ...options.patience };
    this.#clock = options.clock ?? systemClock;
  }

  async repository(name: string, revision: string, signal?: AbortSignal): Promise<Repository | undefined> {
    const { HubApiError, InvalidApiResponseFormatError, listFiles, modelInfo } = await import('@huggingface/hub');
    const access = {
      hubUrl: this.location,
      // It adds the token, too: the library would refuse one of an unusual form before the hub is asked.
      fetch: this.#patientFetch(name, signal),
    };
    try {
      const commit = COMMIT.test(revision)
        ? revision
        : (await modelInfo({ name, revision, additionalFields: ['sha'], ...access })).sha;
      const files = new Map<string, RemoteFile>();
      for await (const entry of listFiles({ repo: name, revision: commit, recursive: true, ...access })) {
        if (entry.type !== 'file' || !isInside(entry.path)) continue;
        const digest =
          entry.lfs === undefined
            ? ({ algorithm: 'git-sha1', hex: entry.oid ?? '' } as const)
            : ({ algorithm: 'sha256', hex: entry.lfs.oid } as const);
        const size = entry.lfs?.size ?? entry.size;
        files.set(entry.path, { repository: name, commit, path: entry.path, size, digest });
      }
      return { name, commit, files };
    } catch (thrown) {
      if (thrown instanceof SyntaxError || thrown instanceof InvalidApiResponseFormatError) {
        throw this.#error(200, name, { cause: thrown }); // a page of some proxy, most likely
      }
      if (!(thrown instanceof HubApiError)) throw thrown;
      // To those without a token the hub says 401 of what does not exist.
      if (thrown.statusCode === 404 || (thrown.statusCode === 401 && this.#token === undefined)) {
        if (await this.#exists(name, revision, access.fetch)) {
          throw this.#error(404, `${name} at revision ${revision}`, { cause: thrown });
        }
        return undefined;
      }
      throw this.#error(thrown.statusCode, name, { cause: thrown });
    }
  }

  async open(file: RemoteFile, offset: number, signal: AbortSignal): Promise<OpenedFile> {
    const path = file.path.split('/').map(encodeURIComponent).join('/');
    const url = `${this.location}/${file.repository}/resolve/${file.commit}/${path}`;
    const answer = await this.#fetch(url, {
      headers: {
        // A compressed body would have neither the size nor the places that are asked for.
        'accept-encoding': 'identity',
        ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
        ...(offset > 0 && { range: `bytes=${offset}-` }),
      },
      signal,
    });
    if (answer.status === 206) {
      const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.headers.get('content-range') ?? '');
      const size = range?.[2] === undefined || range[2] === '*' ? undefined : Number(range[2]);
      if (range !== null && answer.body !== null) return { offset: Number(range[1]), size, body: answer.body };
    }
    if (answer.status === 200 && answer.body !== null) {
      const length = answer.headers.get('content-length');
      return { offset: 0, size: length === null ? undefined : Number(length), body: answer.body };
    }
    await answer.body?.cancel();
    throw this.#error(answer.status, fileName(file), { retryAfterSeconds: this.#retryAfter(answer) });
  }

  #error(
    status: number,
    what: string,
    more: { readonly retryAfterSeconds?: number | undefined; readonly cause?: unknown },
  ) {
    const { retryAfterSeconds, cause } = more;
    return hubError(
      { status, hub: this.location, what, hasToken: this.#token !== undefined, retryAfterSeconds },
      cause,
    );
  }

  #retryAfter(answer: Response): number | undefined {
    return parseRetryAfter(answer.headers.get('retry-after'), this.#clock.now());
  }

  async #exists(name: string, revision: string, patient: typeof fetch): Promise<boolean> {
    if (revision === 'main') return false;
    return (await patient(`${this.location}/api/models/${name}`)).ok;
  }

  /** Tries again what may pass; answers that will not change are the caller's. */
  #patientFetch(what: string, signal: AbortSignal | undefined): typeof fetch {
    return async (input, init = {}) => {
      const headers = new Headers(init.headers);
      if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token}`);
      for (let turn = 1; ; turn += 1) {
        signal?.throwIfAborted();
        let retryAfter: number | undefined;
        try {
          const answer = await this.#fetch(input, { ...init, headers, ...(signal !== undefined && { signal }) });
          const passing = answer.status === 429 || answer.status >= 500;
          if (!passing) return answer;
          await answer.body?.cancel();
          if (turn >= this.#patience.tries) {
            throw this.#error(answer.status, what, { retryAfterSeconds: this.#retryAfter(answer) });
          }
          retryAfter = this.#retryAfter(answer);
        } catch (thrown) {
          signal?.throwIfAborted();
          if (turn >= this.#patience.tries) {
            throw thrown instanceof TypeError ? unreachable(this.location, what, thrown) : thrown;
          }
          if (!(thrown instanceof TypeError)) throw thrown;
        }
        await this.#patience.sleep(waitOf(turn, this.#patience.random, retryAfter), signal);
      }
    };
  }
}

/** Paths come from the server and are joined to a folder: none may lead out of it. */
function isInside(path: string): boolean {
  return !path.startsWith('/') && !path.includes('\\') && !path.split('/').some((part) => part === '..' || part === '');
}
