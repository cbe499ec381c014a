/**
 * What an evaluation has done so far: one line of JSON an item, written as soon as it is known, so that a run that was
 * stopped goes on from there. Each model revision has a file of its own.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';

const FOLDER = new URL('.state/', import.meta.url);

export class Progress {
  readonly #file: URL;
  readonly #items = new Map<string, unknown>();
  readonly #say: (text: string) => void;

  constructor(revision: string, fresh: boolean, say: (text: string) => void) {
    this.#file = new URL(`${revision.replace(/[^a-z0-9]/gi, '').slice(0, 24)}.jsonl`, FOLDER);
    this.#say = say;
    mkdirSync(FOLDER, { recursive: true });
    if (fresh) rmSync(this.#file, { force: true });
    const text = existsSync(this.#file) ? readFileSync(this.#file, 'utf8') : '';
    for (const line of text.split('\n')) {
      try {
        const [key, value] = JSON.parse(line) as [string, unknown];
        this.#items.set(key, value);
      } catch {
        // The end of a file whose writer was killed.
      }
    }
    if (this.#items.size > 0) say(`going on from ${this.#items.size} items in ${this.#file.pathname}`);
  }

  /**
   * Does what is left of a part, over some workers, and tells how long the rest will take.
   *
   * @param part name of the part; with the item's number it is the item's key
   * @param work result of item `index`, plain JSON; what it throws is tried once more, and then ends the run. It is to
   *   end soon when `signal` comes
   * @returns the results in order, undefined for those that `signal` came before
   */
  async all<T>(
    part: string,
    count: number,
    workers: number,
    work: (index: number, worker: number) => Promise<T>,
    signal: AbortSignal,
  ): Promise<(T | undefined)[]> {
    const key = (index: number): string => `${part}/${index}`;
    const left = Array.from({ length: count }, (_, i) => i).filter((index) => !this.#items.has(key(index)));
    const started = performance.now();
    let done = 0;
    const queue = [...left];
    const run = async (worker: number): Promise<void> => {
      for (let index = queue.shift(); index !== undefined && !signal.aborted; index = queue.shift()) {
        const at = index;
        const again = (error: unknown): Promise<T> => (signal.aborted ? Promise.reject(error) : work(at, worker));
        const value = await work(at, worker).catch(again);
        this.#items.set(key(at), value);
        // The leading line break ends a line that a killed writer left open.
        appendFileSync(this.#file, `\n${JSON.stringify([key(at), value])}`);
        done += 1;
        if (done % 10 === 0 || done === left.length) {
          const each = (performance.now() - started) / 1000 / done;
          const rest = each * (left.length - done);
          this.#say(
            `${part}: ${count - left.length + done}/${count}, ${each.toFixed(1)} s each, ${rest.toFixed(0)} s left`,
          );
        }
      }
    };
    await Promise.all(
      Array.from({ length: workers }, (_, worker) =>
        run(worker).catch((error: unknown) => {
          // What was under way when the signal came ends by being cancelled.
          if (!signal.aborted) throw error;
        }),
      ),
    );
    return Array.from({ length: count }, (_, index) => this.#items.get(key(index)) as T | undefined);
  }
}
