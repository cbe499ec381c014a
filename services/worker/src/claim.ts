/**
 * A claim on a job: the right to work on it until the lease ends. Every write goes through the record's ETag, so a
 * worker that was taken for dead cannot write over its successor: it learns that it lost the claim.
 */
import { type JobStatus, LostClaimError } from '@espalier/contracts';
import { type ObjectStore, type WrittenStatus, writeStatus } from '@espalier/storage';

export class Claim {
  readonly #store: ObjectStore;
  #seen: WrittenStatus;
  /** Writes follow each other: each needs the ETag of the one before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: ObjectStore, seen: WrittenStatus) {
    this.#store = store;
    this.#seen = seen;
  }

  get status(): JobStatus {
    return this.#seen.status;
  }

  /** Of the record as it was written last. */
  get etag(): string {
    return this.#seen.etag;
  }

  /**
   * Moves the record on.
   *
   * @throws LostClaimError when somebody else moved it since
   * @throws RetryableError STORE_* when the store cannot be written; the claim stands
   */
  move(step: (from: JobStatus) => JobStatus): Promise<void> {
    const write = this.#last.then(async () => {
      const next = step(this.#seen.status);
      const written = await writeStatus(this.#store, next, this.#seen);
      if (written === undefined) {
        throw new LostClaimError(`job ${next.id} belongs to another worker now`, {
          remedy: 'nothing is lost: the other worker goes on from the last checkpoint',
        });
      }
      this.#seen = written;
    });
    this.#last = write.catch(() => {});
    return write;
  }
}
