/** A tree of axis-aligned boxes over numbered items, in flat arrays. */

const BINS = 8;
const LEAF_SIZE = 6;
/** Below this many items a node is cut in the middle of its centres; the surface area heuristic pays above it. */
const EXACT_SIZE = 48;

export class Bvh {
  /** [N, 6] min x, y, z, max x, y, z. */
  readonly boxes: Float32Array;
  /** [N] first item of a leaf, or the right child of an inner node; the left child is the next node. */
  readonly offsets: Int32Array;
  /** [N] items in a leaf, 0 for an inner node. */
  readonly counts: Uint8Array;
  /** Item numbers in leaf order. */
  readonly items: Int32Array;
  readonly depth: number;

  /** @param bounds [M, 6] box of each item: min x, y, z, max x, y, z. */
  constructor(bounds: Float32Array) {
    const builder = new Builder(bounds);
    if (bounds.length > 0) builder.build(0, bounds.length / 6, 0);
    const nodes = Math.max(1, builder.nodes);
    this.items = builder.items;
    this.boxes = builder.boxes.slice(0, nodes * 6);
    this.offsets = builder.offsets.slice(0, nodes);
    this.counts = builder.counts.slice(0, nodes);
    this.depth = builder.depth;
  }
}

/** Splits after the surface area heuristic over eight bins along the widest axis (Wald 2007). */
class Builder {
  readonly items: Int32Array;
  readonly boxes: Float32Array;
  readonly offsets: Int32Array;
  readonly counts: Uint8Array;
  nodes = 0;
  depth = 0;
  readonly #bounds: Float32Array;
  /** Of the node at hand: lowest and highest sum of opposite box sides, which is twice the centre. */
  readonly #low = new Float64Array(3);
  readonly #high = new Float64Array(3);
  readonly #bins = new Float64Array(BINS * 7);
  readonly #costs = new Float64Array(BINS);

  constructor(bounds: Float32Array) {
    const count = bounds.length / 6;
    this.#bounds = bounds;
    this.items = Int32Array.from({ length: count }, (_, i) => i);
    const capacity = Math.max(1, count) * 2;
    this.boxes = new Float32Array(capacity * 6);
    this.offsets = new Int32Array(capacity);
    this.counts = new Uint8Array(capacity);
  }

  build(start: number, end: number, level: number): void {
    const node = this.nodes++;
    this.depth = Math.max(this.depth, level);
    this.#fit(start, end, node * 6);
    if (end - start <= LEAF_SIZE) {
      this.offsets[node] = start;
      this.counts[node] = end - start;
      return;
    }
    const middle = this.#split(start, end);
    this.build(start, middle, level + 1);
    this.offsets[node] = this.nodes;
    this.build(middle, end, level + 1);
  }

  #fit(start: number, end: number, at: number): void {
    const bounds = this.#bounds;
    for (let axis = 0; axis < 3; axis++) {
      let [min, max, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
      for (let i = start; i < end; i++) {
        const b = (this.items[i] as number) * 6 + axis;
        const [from, to] = [bounds[b] as number, bounds[b + 3] as number];
        if (from < min) min = from;
        if (to > max) max = to;
        if (from + to < low) low = from + to;
        if (from + to > high) high = from + to;
      }
      this.boxes[at + axis] = min;
      this.boxes[at + axis + 3] = max;
      this.#low[axis] = low;
      this.#high[axis] = high;
    }
  }

  /** Reorders the items of a node just fitted; gives the first of its right half. */
  #split(start: number, end: number): number {
    const [low, high] = [this.#low, this.#high];
    let axis = 0;
    for (let k = 1; k < 3; k++) {
      if ((high[k] as number) - (low[k] as number) > (high[axis] as number) - (low[axis] as number)) axis = k;
    }
    const origin = low[axis] as number;
    const extent = (high[axis] as number) - origin;
    const half = (start + end) >> 1;
    // All centres in one place, or no numbers: any split will do.
    if (!(extent > 0 && extent < Infinity)) return half;
    const border =
      end - start <= EXACT_SIZE
        ? origin + extent / 2
        : origin + (this.#cheapestSplit(start, end, axis, origin, extent) * extent) / BINS;
    const bounds = this.#bounds;
    let [left, right] = [start, end - 1];
    while (left <= right) {
      const item = this.items[left] as number;
      const center = (bounds[item * 6 + axis] as number) + (bounds[item * 6 + axis + 3] as number);
      if (center < border) left++;
      else {
        this.items[left] = this.items[right] as number;
        this.items[right--] = item;
      }
    }
    return left === start || left === end ? half : left;
  }

  /** Number of bins on the left side of the best border. */
  #cheapestSplit(start: number, end: number, axis: number, origin: number, extent: number): number {
    const [bins, bounds] = [this.#bins, this.#bounds];
    for (let at = 0; at < BINS * 7; at += 7) {
      bins.fill(Infinity, at, at + 3);
      bins.fill(-Infinity, at + 3, at + 6);
      bins[at + 6] = 0;
    }
    const scale = BINS / extent;
    for (let i = start; i < end; i++) {
      const b = (this.items[i] as number) * 6;
      const center = (bounds[b + axis] as number) + (bounds[b + axis + 3] as number);
      const at = Math.min(BINS - 1, Math.floor((center - origin) * scale)) * 7;
      for (let k = 0; k < 3; k++) {
        if ((bounds[b + k] as number) < (bins[at + k] as number)) bins[at + k] = bounds[b + k] as number;
        if ((bounds[b + k + 3] as number) > (bins[at + k + 3] as number))
          bins[at + k + 3] = bounds[b + k + 3] as number;
      }
      bins[at + 6] = (bins[at + 6] as number) + 1;
    }
    this.#costs.fill(0);
    this.#sweep(0, 1);
    this.#sweep(BINS - 1, -1);
    let best = 1;
    for (let split = 2; split < BINS; split++) {
      if ((this.#costs[split] as number) < (this.#costs[best] as number)) best = split;
    }
    return best;
  }

  /** Adds, to the cost of each border, the area times count of all bins on one side of it. */
  #sweep(first: number, step: 1 | -1): void {
    const bins = this.#bins;
    let [x0, y0, z0, x1, y1, z1, count] = [Infinity, Infinity, Infinity, -Infinity, -Infinity, -Infinity, 0];
    for (let bin = first; bin >= 0 && bin < BINS; bin += step) {
      const at = bin * 7;
      x0 = Math.min(x0, bins[at] as number);
      y0 = Math.min(y0, bins[at + 1] as number);
      z0 = Math.min(z0, bins[at + 2] as number);
      x1 = Math.max(x1, bins[at + 3] as number);
      y1 = Math.max(y1, bins[at + 4] as number);
      z1 = Math.max(z1, bins[at + 5] as number);
      count += bins[at + 6] as number;
      const border = step > 0 ? bin + 1 : bin;
      if (count === 0 || border <= 0 || border >= BINS) continue;
      const [x, y, z] = [x1 - x0, y1 - y0, z1 - z0];
      this.#costs[border] = (this.#costs[border] as number) + (x * y + y * z + z * x) * count;
    }
  }
}
