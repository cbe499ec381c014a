/** A tree of axis-aligned boxes over numbered items, in flat arrays (surface area heuristic, eight bins). */

const BINS = 8;
const LEAF_SIZE = 4;

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
    const count = bounds.length / 6;
    this.items = Int32Array.from({ length: count }, (_, i) => i);
    const boxes = new Float32Array(Math.max(1, count) * 2 * 6);
    const offsets = new Int32Array(Math.max(1, count) * 2);
    const counts = new Uint8Array(Math.max(1, count) * 2);
    let nodes = 0;
    let depth = 0;
    const build = (start: number, end: number, level: number): void => {
      const node = nodes++;
      depth = Math.max(depth, level);
      fitBox(bounds, this.items, start, end, boxes, node * 6);
      const middle = end - start <= LEAF_SIZE ? -1 : splitItems(bounds, this.items, start, end);
      if (middle < 0) {
        offsets[node] = start;
        counts[node] = end - start;
        return;
      }
      build(start, middle, level + 1);
      offsets[node] = nodes;
      build(middle, end, level + 1);
    };
    if (count > 0) build(0, count, 0);
    this.boxes = boxes.slice(0, Math.max(1, nodes) * 6);
    this.offsets = offsets.slice(0, Math.max(1, nodes));
    this.counts = counts.slice(0, Math.max(1, nodes));
    this.depth = depth;
  }
}

function fitBox(
  bounds: Float32Array,
  items: Int32Array,
  start: number,
  end: number,
  out: Float32Array,
  at: number,
): void {
  let [x0, y0, z0, x1, y1, z1] = [Infinity, Infinity, Infinity, -Infinity, -Infinity, -Infinity];
  for (let i = start; i < end; i++) {
    const b = (items[i] as number) * 6;
    x0 = Math.min(x0, bounds[b] as number);
    y0 = Math.min(y0, bounds[b + 1] as number);
    z0 = Math.min(z0, bounds[b + 2] as number);
    x1 = Math.max(x1, bounds[b + 3] as number);
    y1 = Math.max(y1, bounds[b + 4] as number);
    z1 = Math.max(z1, bounds[b + 5] as number);
  }
  out[at] = x0;
  out[at + 1] = y0;
  out[at + 2] = z0;
  out[at + 3] = x1;
  out[at + 4] = y1;
  out[at + 5] = z1;
}

/** Reorders items around the cheapest of the bin borders along the widest axis; gives the first of the right half. */
function splitItems(bounds: Float32Array, items: Int32Array, start: number, end: number): number {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = start; i < end; i++) {
    const b = (items[i] as number) * 6;
    for (let axis = 0; axis < 3; axis++) {
      const center = (bounds[b + axis] as number) + (bounds[b + axis + 3] as number);
      if (center < (low[axis] as number)) low[axis] = center;
      if (center > (high[axis] as number)) high[axis] = center;
    }
  }
  const extents = low.map((value, axis) => (high[axis] as number) - value);
  const axis = extents.indexOf(Math.max(...extents));
  const extent = extents[axis] as number;
  const half = (start + end) >> 1;
  // All centres in one place, or not numbers: any split will do.
  if (!(extent > 0)) return half;
  const origin = low[axis] as number;
  const scale = (BINS * (1 - 1e-6)) / extent;
  const binOf = (item: number) => {
    const center = (bounds[item * 6 + axis] as number) + (bounds[item * 6 + axis + 3] as number);
    return Math.min(BINS - 1, Math.max(0, Math.floor((center - origin) * scale)));
  };
  const split = cheapestSplit(bounds, items, start, end, binOf);
  let [left, right] = [start, end - 1];
  while (left <= right) {
    const item = items[left] as number;
    if (binOf(item) < split) left++;
    else {
      items[left] = items[right] as number;
      items[right--] = item;
    }
  }
  return left === start || left === end ? half : left;
}

function cheapestSplit(
  bounds: Float32Array,
  items: Int32Array,
  start: number,
  end: number,
  binOf: (item: number) => number,
): number {
  const bins = new Float64Array(BINS * 7);
  for (let bin = 0; bin < BINS; bin++)
    bins.fill(Infinity, bin * 7, bin * 7 + 3).fill(-Infinity, bin * 7 + 3, bin * 7 + 6);
  for (let i = start; i < end; i++) {
    const item = items[i] as number;
    const at = binOf(item) * 7;
    for (let axis = 0; axis < 3; axis++) {
      const [min, max] = [bounds[item * 6 + axis] as number, bounds[item * 6 + axis + 3] as number];
      if (min < (bins[at + axis] as number)) bins[at + axis] = min;
      if (max > (bins[at + axis + 3] as number)) bins[at + axis + 3] = max;
    }
    bins[at + 6] = (bins[at + 6] as number) + 1;
  }
  const fromLeft = sweep(bins, 0, 1);
  const fromRight = sweep(bins, BINS - 1, -1);
  let best = 1;
  for (let split = 1; split < BINS; split++) {
    const cost = (fromLeft[split - 1] as number) + (fromRight[split] as number);
    const bestCost = (fromLeft[best - 1] as number) + (fromRight[best] as number);
    if (cost < bestCost) best = split;
  }
  return best;
}

/** Area times count of the boxes over all bins from one side up to each bin. */
function sweep(bins: Float64Array, first: number, step: number): Float64Array {
  const costs = new Float64Array(BINS);
  const box = [Infinity, Infinity, Infinity, -Infinity, -Infinity, -Infinity];
  let count = 0;
  for (let bin = first; bin >= 0 && bin < BINS; bin += step) {
    for (let k = 0; k < 3; k++) {
      box[k] = Math.min(box[k] as number, bins[bin * 7 + k] as number);
      box[k + 3] = Math.max(box[k + 3] as number, bins[bin * 7 + k + 3] as number);
    }
    count += bins[bin * 7 + 6] as number;
    const [x, y, z] = [0, 1, 2].map((k) => (box[k + 3] as number) - (box[k] as number)) as [number, number, number];
    costs[bin] = count === 0 ? 0 : (x * y + y * z + z * x) * count;
  }
  return costs;
}
