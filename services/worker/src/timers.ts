/** Time as the worker waits for it; tests hold it in their own hands. */

export interface Timers {
  /** Calls `work` again and again, never twice at once. Gives a function that ends it. */
  every(milliseconds: number, work: () => Promise<void>): () => void;
  /** Calls `work` once. Gives a function that calls it off. */
  after(milliseconds: number, work: () => void): () => void;
  /** Resolves after the time, or at once when the signal is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** Longest time that `setTimeout` holds; longer ones would fire at once. */
const LONGEST = 2 ** 31 - 1;

export const systemTimers: Timers = {
  every(milliseconds, work) {
    let running = false;
    const timer = setInterval(() => {
      if (running) return;
      running = true;
      void work().finally(() => {
        running = false;
      });
    }, milliseconds);
    return () => clearInterval(timer);
  },
  after(milliseconds, work) {
    const timer = setTimeout(work, Math.min(milliseconds, LONGEST));
    return () => clearTimeout(timer);
  },
  sleep(milliseconds, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(milliseconds, LONGEST));
      signal?.addEventListener('abort', wake);
    });
  },
};
