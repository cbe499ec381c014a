/** Connected regions (six neighbours) of the cells of a cubic grid that are not walls. */

import type { BitGrid } from './bit-grid.ts';

const WALL = -1;

export class RegionLabels {
  readonly #side: number;
  /** Padded by one wall cell on every side, so that neighbours need no bounds check. */
  readonly #pitch: number;
  /** Region + 1, 0 where none yet, `WALL`. */
  readonly #labels: Int32Array;
  readonly #border: boolean[] = [];

  constructor(walls: BitGrid) {
    const side = walls.nx;
    this.#side = side;
    this.#pitch = side + 2;
    this.#labels = new Int32Array(this.#pitch ** 3).fill(WALL);
    for (let row = 0; row < side * side; row++) this.#labels.fill(0, this.#cell(row, 0), this.#cell(row, side));
    walls.forEach((x, y, z) => {
      this.#labels[this.#cell(x * side + y, z)] = WALL;
    });
  }

  get count(): number {
    return this.#border.length;
  }

  /** Whether the region has a cell on the border of the grid. */
  reachesBorder(region: number): boolean {
    return this.#border[region] === true;
  }

  /** Labels the components of the set cells. Works on runs along z, joined by union-find. */
  addComponents(cells: BitGrid): void {
    const side = this.#side;
    const starts: number[] = [];
    const ends: number[] = [];
    const parent: number[] = [];
    const rowStart = new Int32Array(side * side + 1);
    for (let row = 0; row < side * side; row++) {
      forEachRun(cells, row, (from, to) => {
        parent.push(starts.length);
        starts.push(from);
        ends.push(to);
      });
      rowStart[row + 1] = starts.length;
    }
    const join = (row: number, other: number) => {
      let [a, b] = [rowStart[row] as number, rowStart[other] as number];
      const [aEnd, bEnd] = [rowStart[row + 1] as number, rowStart[other + 1] as number];
      while (a < aEnd && b < bEnd) {
        const overlap = (starts[a] as number) < (ends[b] as number) && (starts[b] as number) < (ends[a] as number);
        if (overlap) unite(parent, a, b);
        if ((ends[a] as number) < (ends[b] as number)) a++;
        else b++;
      }
    };
    for (let row = 0; row < side * side; row++) {
      if (row % side > 0) join(row, row - 1);
      if (row >= side) join(row, row - side);
    }
    const labelOf = new Int32Array(starts.length);
    for (let row = 0; row < side * side; row++) {
      const [x, y] = [Math.floor(row / side), row % side];
      const isEdgeRow = x === 0 || y === 0 || x === side - 1 || y === side - 1;
      for (let run = rowStart[row] as number; run < (rowStart[row + 1] as number); run++) {
        const root = findRoot(parent, run);
        if (labelOf[root] === 0) labelOf[root] = this.#border.push(false);
        const label = labelOf[root] as number;
        if (isEdgeRow || starts[run] === 0 || ends[run] === side) this.#border[label - 1] = true;
        this.#labels.fill(label, this.#cell(row, starts[run] as number), this.#cell(row, ends[run] as number));
      }
    }
  }

  /** Grows all regions over the cells that have no label yet, one cell at a time and all at once, until they meet. */
  grow(unlabelled: BitGrid): void {
    const labels = this.#labels;
    const steps = this.#steps();
    // The first ring is found before any of it is labelled, so that no region runs ahead along the scan.
    let front: number[] = [];
    const given: number[] = [];
    unlabelled.forEach((x, y, z) => {
      const cell = this.#cell(x * this.#side + y, z);
      for (const step of steps) {
        const label = labels[cell + step] as number;
        if (label <= 0) continue;
        front.push(cell);
        given.push(label);
        break;
      }
    });
    for (let i = 0; i < front.length; i++) labels[front[i] as number] = given[i] as number;
    while (front.length > 0) {
      const next: number[] = [];
      for (const cell of front) {
        for (const step of steps) {
          if (labels[cell + step] !== 0) continue;
          labels[cell + step] = labels[cell] as number;
          next.push(cell + step);
        }
      }
      front = next;
    }
  }

  /** Clears the cells that have a label from `cells`. */
  dropLabelled(cells: BitGrid): BitGrid {
    this.#forEachLabelled((word, bit) => {
      cells.words[word] = (cells.words[word] as number) & ~bit;
    });
    return cells;
  }

  /** Sets, in `target`, the cells of the chosen regions; gives their number. */
  copyInto(target: BitGrid, isChosen: (region: number) => boolean): number {
    const chosen = this.#border.map((_, region) => isChosen(region));
    let count = 0;
    this.#forEachLabelled((word, bit, label) => {
      if (chosen[label - 1] !== true) return;
      target.words[word] = (target.words[word] as number) | bit;
      count++;
    });
    return count;
  }

  /** For every region the sum over its neighbouring walls of `vote`. */
  countVotes(walls: BitGrid, vote: (rank: number) => number): Int32Array {
    const votes = new Int32Array(this.count);
    const steps = this.#steps();
    let rank = 0;
    walls.forEach((x, y, z) => {
      const value = vote(rank++);
      const cell = this.#cell(x * this.#side + y, z);
      for (const step of steps) {
        const label = this.#labels[cell + step] as number;
        if (label > 0) votes[label - 1] = (votes[label - 1] as number) + value;
      }
    });
    return votes;
  }

  #forEachLabelled(visit: (word: number, bit: number, label: number) => void): void {
    const side = this.#side;
    const rowWords = (side + 31) >>> 5;
    for (let row = 0; row < side * side; row++) {
      const base = this.#cell(row, 0);
      for (let z = 0; z < side; z++) {
        const label = this.#labels[base + z] as number;
        if (label > 0) visit(row * rowWords + (z >>> 5), 1 << (z & 31), label);
      }
    }
  }

  #cell(row: number, z: number): number {
    const y = row % this.#side;
    const x = (row - y) / this.#side;
    return ((x + 1) * this.#pitch + y + 1) * this.#pitch + z + 1;
  }

  #steps(): readonly number[] {
    const pitch = this.#pitch;
    return [-pitch * pitch, pitch * pitch, -pitch, pitch, -1, 1];
  }
}

function findRoot(parent: number[], run: number): number {
  let root = run;
  while (parent[root] !== root) root = parent[root] as number;
  for (let at = run; at !== root; ) {
    const next = parent[at] as number;
    parent[at] = root;
    at = next;
  }
  return root;
}

function unite(parent: number[], a: number, b: number): void {
  const [ra, rb] = [findRoot(parent, a), findRoot(parent, b)];
  if (ra !== rb) parent[Math.max(ra, rb)] = Math.min(ra, rb);
}

/** Runs of set bits of one row as half-open ranges. */
function forEachRun(cells: BitGrid, row: number, visit: (from: number, to: number) => void): void {
  let start = -1;
  const base = row * cells.rowWords;
  for (let k = 0; k < cells.rowWords; k++) {
    const word = cells.words[base + k] as number;
    if (word === 0 && start < 0) continue;
    if (word === -1 && start >= 0) continue;
    const limit = Math.min(32, cells.nz - (k << 5));
    for (let b = 0; b < limit; b++) {
      const isSet = ((word >>> b) & 1) === 1;
      if (isSet && start < 0) start = (k << 5) + b;
      else if (!isSet && start >= 0) {
        visit(start, (k << 5) + b);
        start = -1;
      }
    }
  }
  if (start >= 0) visit(start, cells.nz);
}
