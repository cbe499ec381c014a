/**
 * The places of a lane: as many jobs as it works on at once, whoever brought them. A job that goes on elsewhere, in the
 * other lane of its process or beside the device, takes a place there and gives up its own in one step.
 */
export class Places {
  readonly #size: number;
  #free: number;
  #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  get free(): number {
    return this.#free;
  }

  get taken(): number {
    return this.#size - this.#free;
  }

  /** Nothing when all are taken. */
  take(): Place | undefined {
    if (this.#free === 0) return undefined;
    this.#free -= 1;
    return new Place(this, () => {
      this.#free += 1;
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** Resolves at once where one is free, else when the next one is given up. Somebody else may be quicker to take it. */
  async freed(): Promise<void> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** One job's place. */
export class Place {
  #among: Places | undefined;
  #giveUp: () => void;

  constructor(among: Places, giveUp: () => void) {
    this.#among = among;
    this.#giveUp = giveUp;
  }

  isAmong(places: Places): boolean {
    return this.#among === places;
  }

  /** To a place among others, where one is free. @returns whether there was */
  moveTo(places: Places): boolean {
    const next = places.take();
    if (next === undefined) return false;
    this.release();
    this.#among = places;
    this.#giveUp = () => next.release();
    return true;
  }

  /** More than once does no harm. */
  release(): void {
    const giveUp = this.#giveUp;
    this.#among = undefined;
    this.#giveUp = () => {};
    giveUp();
  }
}
