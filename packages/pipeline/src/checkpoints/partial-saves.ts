/**
 * Saves in the middle of a stage: one object per address, overwritten as work goes on, removed when it is done.
 *
 * Holds: at most one write is under way; of several saves offered meanwhile the last one is written. A save that
 * cannot be written costs the work since the one before, not the job.
 */
import type { Logger } from '@espalier/contracts';
import { checkpointKey, type ObjectStore } from '@espalier/storage';
import { decodeCheckpoint, encodeCheckpoint, type PartialContent, UnusableCheckpoint } from './body.ts';
import { type CheckpointStoreOptions, checked } from './checkpoint-store.ts';
import { type Recipe, recipeDigest } from './recipe.ts';

/** Judges a decoded save. Throws when it is not what the stage saves. */
export type SaveCheck = (content: PartialContent) => PartialContent;

export class PartialSaves {
  readonly #store: ObjectStore;
  readonly #logger: Logger;
  readonly #options: CheckpointStoreOptions;
  readonly #recipe: Recipe;
  readonly #key: string;
  #waiting: PartialContent | undefined;
  #writing: Promise<void> | undefined;
  #written = false;

  constructor(options: CheckpointStoreOptions, recipe: Recipe) {
    this.#options = options;
    this.#store = options.store;
    this.#logger = options.logger;
    this.#recipe = recipe;
    this.#key = checkpointKey(recipe.stage, `${recipeDigest(recipe)}.partial`);
  }

  /**
   * The last save, or nothing where there is none that can be used.
   *
   * @throws RetryableError STORE_* when the store cannot be read
   */
  async load(check: SaveCheck): Promise<PartialContent | undefined> {
    const object = await this.#store.get(this.#key);
    if (object === undefined) return undefined;
    this.#written = true;
    try {
      const { step, ...content } = await decodeCheckpoint(object.body, this.#recipe, this.#key);
      if (step === undefined) throw new UnusableCheckpoint('it does not say how many steps are done');
      return checked({ ...content, step }, check);
    } catch (error) {
      if (!(error instanceof UnusableCheckpoint)) throw error;
      this.#logger.warn({ key: this.#key, reason: error.message }, 'save cannot be used: the stage starts anew');
      this.#options.onUnusable?.(this.#key, error.message);
      return undefined;
    }
  }

  /** Writes a save as soon as the one before is. Resolves when everything offered is written, or has failed to be. */
  offer(content: PartialContent): Promise<void> {
    this.#waiting = content;
    this.#writing ??= this.#write();
    return this.#writing;
  }

  /** Resolves when everything offered is written, or has failed to be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Removes the save: the stage is done. */
  async remove(): Promise<void> {
    this.#waiting = undefined;
    await this.#writing;
    if (!this.#written) return;
    await this.#store.delete(this.#key).catch((error: unknown) => {
      this.#logger.warn({ key: this.#key, err: error }, 'save of a finished stage could not be removed');
    });
    this.#written = false;
  }

  async #write(): Promise<void> {
    while (this.#waiting !== undefined) {
      const content = this.#waiting;
      this.#waiting = undefined;
      try {
        const body = await encodeCheckpoint(this.#recipe, content);
        await this.#store.put(this.#key, body);
        this.#written = true;
        const { stage } = this.#recipe;
        this.#options.onSaved?.({ stage, key: this.#key, bytes: body.byteLength, step: content.step });
      } catch (error) {
        this.#logger.warn({ key: this.#key, step: content.step, err: error }, 'save could not be written');
      }
    }
    this.#writing = undefined;
  }
}
