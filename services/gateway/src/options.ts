/** What a gateway needs from outside. */
import { type Clock, GLB_INLINE_BYTES, type Logger, type RandomInteger } from '@espalier/contracts';
import type { JobQueue } from '@espalier/queue';
import type { ApiKey } from './access/api-keys.ts';
import type { ResultStore } from './jobs/results.ts';

export interface GatewayOptions {
  readonly store: ResultStore;
  /** Tells a queue that a job was submitted. @defaultValue nothing: the sweep over `jobs/` finds it */
  readonly announce?: (id: string) => Promise<void>;
  /** Digests of the keys that may call. @defaultValue none: this machine only */
  readonly keys?: readonly ApiKey[];
  readonly limits?: Partial<GatewayLimits>;
  /** Where callers reach this server, without a slash at its end; for links. @defaultValue as each request names it */
  readonly publicUrl?: string;
  /** The notify queue, for deliveries that are told again by hand. @defaultValue no such route */
  readonly notifications?: JobQueue;
  /** For `/metrics`; prom-client's registry fits. @defaultValue no such route */
  readonly metrics?: { readonly contentType: string; metrics(): Promise<string> };
  /** Workers that this process runs itself, for `/health`. @defaultValue only those that hold a lease are known */
  readonly localWorkers?: () => number;
  readonly clock?: Clock;
  readonly random?: RandomInteger;
  readonly logger?: Logger;
}

export interface GatewayLimits {
  /** Largest GLB in bytes sent as `glb_base64`; a bigger one is linked to as `glb_url`. @defaultValue 14 MiB: 20 MB as JSON */
  readonly inlineBytes: number;
  /** Life in seconds of a link to a bigger one, where the store can sign links. @defaultValue 24 hours */
  readonly linkSeconds: number;
  /** Shortest pause in milliseconds between two looks at the jobs that somebody follows. @defaultValue 200 */
  readonly watchMilliseconds: number;
  /** Oldest listing in milliseconds that `/jobs` and `/health` may answer from. @defaultValue 500 */
  readonly listingMilliseconds: number;
  /** Open event streams. @defaultValue 2,000 */
  readonly eventStreams: number;
  /** Requests in 10 s per key (without keys: per address), as RunPod's own endpoint limits them; `false`: none. */
  readonly rates: RateLimits | false;
  /** Seconds that open requests get to end when the server stops. @defaultValue 10 */
  readonly drainSeconds: number;
}

export interface RateLimits {
  readonly run: number;
  readonly read: number;
  readonly cancel: number;
  readonly purge: number;
}

export const GATEWAY_LIMITS: GatewayLimits = {
  inlineBytes: GLB_INLINE_BYTES,
  linkSeconds: 24 * 3600,
  watchMilliseconds: 200,
  listingMilliseconds: 500,
  eventStreams: 2000,
  rates: { run: 1000, read: 2000, cancel: 100, purge: 2 },
  drainSeconds: 10,
};
