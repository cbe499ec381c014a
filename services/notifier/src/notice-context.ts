/** What is needed to say how a job ended, in either form. */
import type { Clock, Logger } from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';

export interface NoticeContext {
  readonly store: ObjectStore;
  readonly logger: Logger;
  /** Signs links to the results for this many seconds; absent: they are named as `publicUrl` or the store has them. */
  readonly signLinksSeconds?: number;
  /** Where callers reach the HTTP API, without a slash at its end. Absent: links name places in the store. */
  readonly publicUrl?: string;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}
