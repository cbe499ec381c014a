/** What happens next: a binary heap of events by time; those of one time come in the order they were put in. */
export class Agenda {
  readonly #heap: { readonly at: number; readonly order: number; readonly what: () => void }[] = [];
  #order = 0;
  now = 0;

  in(seconds: number, what: () => void): void {
    const heap = this.#heap;
    heap.push({ at: this.now + seconds, order: this.#order++, what });
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** @returns false when nothing is left */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return false;
    if (heap.length > 0) {
      heap[0] = last;
      for (let parent = 0; ; ) {
        let least = parent;
        for (const child of [2 * parent + 1, 2 * parent + 2]) {
          if (child < heap.length && this.#before(child, least)) least = child;
        }
        if (least === parent) break;
        this.#swap(parent, least);
        parent = least;
      }
    }
    this.now = first.at;
    first.what();
    return true;
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.at < y.at || (x.at === y.at && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }
}
