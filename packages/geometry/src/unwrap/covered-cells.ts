/** Cells of a plane that the faces of one chart cover: how overlaps are found. */

/** Along one side of a chart. */
const MAX_CELLS = 2048;
/** Neighbours share edges: only cells well inside a face count. */
const MARGIN = 1e-6;

/** One chart after another in the same memory, which is left clean by undoing what was written. */
export class CoveredCells {
  readonly #corners: Float64Array;
  readonly #wantedCell: number;
  #isCovered = new Uint8Array(0);
  /** Numbers of the cells that are covered. */
  #covered = new Int32Array(1024);
  #count = 0;
  #minX = 0;
  #minY = 0;
  #cell = 1;
  #columns = 1;

  /**
   * @param corners [F, 3, 2] of all charts.
   * @param wantedCell side of a cell; charts that would have too many get larger ones.
   */
  constructor(corners: Float64Array, wantedCell: number) {
    this.#corners = corners;
    this.#wantedCell = wantedCell;
  }

  /** The chart within these bounds is next. */
  begin([minX, minY, maxX, maxY]: readonly [number, number, number, number]): void {
    for (let i = 0; i < this.#count; i++) this.#isCovered[this.#covered[i] as number] = 0;
    this.#count = 0;
    [this.#minX, this.#minY] = [minX, minY];
    // Needles are long and cover next to nothing: cells that go by the area alone would never end.
    this.#cell = Math.max(this.#wantedCell, Math.max(maxX - minX, maxY - minY) / MAX_CELLS);
    this.#columns = Math.max(1, Math.ceil((maxX - minX) / this.#cell) + 1);
    const cells = this.#columns * (Math.ceil((maxY - minY) / this.#cell) + 2);
    if (cells > this.#isCovered.length) this.#isCovered = new Uint8Array(cells);
  }

  /** Covers the cells whose centres lie in a face; false, and none is covered, when one of them was covered before. */
  cover(face: number): boolean {
    const [corners, cell, minX, minY] = [this.#corners, this.#cell, this.#minX, this.#minY];
    const i = face * 6;
    const ax = ((corners[i] as number) - minX) / cell;
    const ay = ((corners[i + 1] as number) - minY) / cell;
    const bx = ((corners[i + 2] as number) - minX) / cell;
    const by = ((corners[i + 3] as number) - minY) / cell;
    const cx = ((corners[i + 4] as number) - minX) / cell;
    const cy = ((corners[i + 5] as number) - minY) / cell;
    const x0 = Math.floor(Math.min(ax, bx, cx));
    const x1 = Math.ceil(Math.max(ax, bx, cx));
    const y0 = Math.floor(Math.min(ay, by, cy));
    const y1 = Math.ceil(Math.max(ay, by, cy));
    const before = this.#count;
    const isCovered = this.#isCovered;
    for (let y = y0; y < y1; y++) {
      const qy = y + 0.5;
      for (let x = x0; x < x1; x++) {
        const qx = x + 0.5;
        if (!((bx - ax) * (qy - ay) - (by - ay) * (qx - ax) > MARGIN)) continue;
        if (!((cx - bx) * (qy - by) - (cy - by) * (qx - bx) > MARGIN)) continue;
        if (!((ax - cx) * (qy - cy) - (ay - cy) * (qx - cx) > MARGIN)) continue;
        const key = y * this.#columns + x;
        if (isCovered[key] === 1) {
          this.#count = before;
          return false;
        }
        this.#push(key);
      }
    }
    // A face does not overlap itself: marked once it is known that it stays.
    for (let k = before; k < this.#count; k++) isCovered[this.#covered[k] as number] = 1;
    return true;
  }

  #push(key: number): void {
    if (this.#count === this.#covered.length) {
      const longer = new Int32Array(this.#count * 2);
      longer.set(this.#covered);
      this.#covered = longer;
    }
    this.#covered[this.#count++] = key;
  }
}
