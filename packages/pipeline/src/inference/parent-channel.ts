/**
 * What the inference process says to its parent. Messages leave while the event loop turns, and a network's call stops
 * it: between two calls goes no more than a socket holds, a fifth of a megabyte. Who computes waits between its calls
 * until all is out; else a mesh of an earlier job would be seconds on its way, under the steps of the next one.
 */
import type { Reply } from './protocol.ts';

/** @param left called once the message has left, or cannot leave any more */
export type Post = (reply: Reply, left: () => void) => void;

export class ParentChannel {
  readonly #post: Post;
  #unsent = 0;
  #waiting: (() => void)[] = [];

  /** @param post @defaultValue this process's IPC channel */
  constructor(post: Post = postToParent) {
    this.#post = post;
  }

  send(reply: Reply): void {
    this.#unsent += 1;
    this.#post(reply, () => {
      this.#unsent -= 1;
      if (this.#unsent > 0) return;
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** Resolves when everything that was said has left. */
  async emptied(): Promise<void> {
    if (this.#unsent > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

function postToParent(reply: Reply, left: () => void): void {
  // The callback takes the error of a channel that was closed meanwhile: 'disconnect' ends this process then.
  if (process.connected) process.send?.(reply, undefined, undefined, left);
  else left();
}
