/**
 * Finished checkpoints in the object store, under `checkpoints/<stage>/<digest>.safetensors`.
 *
 * Holds: the first whole checkpoint under an address stays; who comes second takes the first one's content. So all
 * workers go on from the same bytes, whatever their hardware rounds differently.
 */
import type { Logger, StageName } from '@espalier/contracts';
import { checkpointKey, type ObjectStore } from '@espalier/storage';
import { type CheckpointContent, decodeCheckpoint, encodeCheckpoint, UnusableCheckpoint } from './body.ts';
import { type Recipe, recipeDigest } from './recipe.ts';

/** Judges a decoded content, and types it. Throws when it is not what the stage writes. */
export type ContentCheck<C extends CheckpointContent> = (content: CheckpointContent) => C;

export interface CheckpointStoreOptions {
  readonly store: ObjectStore;
  readonly logger: Logger;
  /** A checkpoint was found that cannot be used. */
  readonly onUnusable?: (key: string, reason: string) => void;
  /** A checkpoint is durable now. */
  readonly onSaved?: (saved: { stage: StageName; key: string; bytes: number; step?: number }) => void;
}

export interface Finding<C> {
  /** Absent when there is nothing, or nothing usable, under the address. */
  readonly content?: C;
  /** ETag of an unusable file, to be replaced. */
  readonly replaces?: string;
}

export class CheckpointStore {
  readonly #options: CheckpointStoreOptions;

  constructor(options: CheckpointStoreOptions) {
    this.#options = options;
  }

  /** @throws RetryableError STORE_* when the store cannot be read */
  async find<C extends CheckpointContent>(recipe: Recipe, check: ContentCheck<C>): Promise<Finding<C>> {
    const key = checkpointKey(recipe.stage, recipeDigest(recipe));
    const object = await this.#options.store.get(key);
    if (object === undefined) return {};
    try {
      const { step, ...content } = await decodeCheckpoint(object.body, recipe, key);
      if (step !== undefined) throw new UnusableCheckpoint('it was saved in the middle of the stage');
      return { content: checked(content, check) };
    } catch (error) {
      if (!(error instanceof UnusableCheckpoint)) throw error;
      this.#options.logger.warn({ key, reason: error.message }, 'checkpoint cannot be used and is computed again');
      this.#options.onUnusable?.(key, error.message);
      return { replaces: object.etag };
    }
  }

  /**
   * Stores a content, or finds that somebody was first.
   *
   * @param replaces ETag of the unusable file that stands under the address
   * @returns the content that stands under the address now
   * @throws RetryableError STORE_* when the store cannot be written
   */
  async save<C extends CheckpointContent>(
    recipe: Recipe,
    content: C,
    check: ContentCheck<C>,
    replaces?: string,
  ): Promise<C> {
    const key = checkpointKey(recipe.stage, recipeDigest(recipe));
    const body = await encodeCheckpoint(recipe, content);
    const condition = replaces === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: replaces };
    const { written } = await this.#options.store.put(key, body, condition);
    if (written) {
      this.#options.onSaved?.({ stage: recipe.stage, key, bytes: body.byteLength });
      return content;
    }
    const first = await this.find(recipe, check);
    if (first.content !== undefined) return first.content;
    // The one that was there is gone or unusable: this content is as good as any, and whole.
    await this.#options.store.put(key, body);
    this.#options.onSaved?.({ stage: recipe.stage, key, bytes: body.byteLength });
    return content;
  }
}

/** @throws UnusableCheckpoint in place of whatever the check throws */
export function checked<I, C>(content: I, check: (content: I) => C): C {
  try {
    return check(content);
  } catch (cause) {
    throw new UnusableCheckpoint(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
