/** What a gateway needs from outside. */
import type { Clock, Logger, RandomInteger } from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';
import type { ApiKey } from './access/api-keys.ts';

export interface GatewayOptions {
  readonly store: ObjectStore;
  /** Tells a queue that a job was submitted. @defaultValue nothing: the sweep over `jobs/` finds it */
  readonly announce?: (id: string) => Promise<void>;
  /** Digests of the keys that may call. @defaultValue none: this machine only */
  readonly keys?: readonly ApiKey[];
  readonly limits?: Partial<GatewayLimits>;
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
  inlineBytes: 14 * 1024 * 1024,
  watchMilliseconds: 200,
  listingMilliseconds: 500,
  eventStreams: 2000,
  rates: { run: 1000, read: 2000, cancel: 100, purge: 2 },
  drainSeconds: 10,
};
