/** Places boxes side by side in a square. */

export interface Packing {
  /** Texels per unit of the boxes' sizes. */
  readonly scale: number;
  /** [C, 2] lower left corners in texels, gutter included. */
  readonly origins: Float64Array;
}

/** Above this many boxes a skyline costs too much; shelves waste a little more and take linear time. */
const SKYLINE_LIMIT = 4000;

/**
 * Finds the largest scale, within 2 %, at which all boxes fit into size x size texels with `padding` texels between
 * them and half of it to the rim. Where even tiny boxes do not fit, the padding shrinks: it always ends.
 */
export function packBoxes(sizes: Float64Array, size: number, padding: number): Packing {
  const count = sizes.length / 2;
  const area = sizes.reduce((sum, width, i) => (i % 2 === 0 ? sum + width * (sizes[i + 1] as number) : sum), 0);
  const longest = sizes.reduce((max, extent) => Math.max(max, extent), 0);
  const order = Array.from({ length: count }, (_, box) => box).sort(
    (a, b) =>
      (sizes[b * 2 + 1] as number) - (sizes[a * 2 + 1] as number) ||
      (sizes[b * 2] as number) - (sizes[a * 2] as number) ||
      a - b,
  );
  const place = count > SKYLINE_LIMIT ? placeOnShelves : placeOnSkyline;
  let scale = Math.min(size / Math.sqrt(Math.max(area, 1e-12)), size / Math.max(longest, 1e-12));
  const smallest = scale / 50;
  for (let gutter = padding; ; ) {
    const origins = place(sizes, order, scale, size, gutter);
    if (origins !== undefined) return { scale, origins };
    scale *= 0.98;
    if (scale < smallest) {
      gutter = gutter < 0.01 ? 0 : gutter / 2;
      scale = gutter === 0 ? scale : smallest * 10;
    }
  }
}

type Place = (
  sizes: Float64Array,
  order: readonly number[],
  scale: number,
  size: number,
  gutter: number,
) => Float64Array | undefined;

/** Rows of boxes of falling height. */
const placeOnShelves: Place = (sizes, order, scale, size, gutter) => {
  const origins = new Float64Array(sizes.length);
  let [x, y, height] = [0, 0, 0];
  for (const box of order) {
    const width = (sizes[box * 2] as number) * scale + gutter;
    const tall = (sizes[box * 2 + 1] as number) * scale + gutter;
    if (x + width > size) [x, y, height] = [0, y + height, 0];
    if (width > size || y + tall > size) return undefined;
    origins[box * 2] = x + gutter / 2;
    origins[box * 2 + 1] = y + gutter / 2;
    x += width;
    height = Math.max(height, tall);
  }
  return origins;
};

/** Each box goes where its top comes out lowest, then where least is wasted below (skyline bottom-left). */
const placeOnSkyline: Place = (sizes, order, scale, size, gutter) => {
  const origins = new Float64Array(sizes.length);
  let skyline: { x: number; y: number; width: number }[] = [{ x: 0, y: 0, width: size }];
  for (const box of order) {
    const width = (sizes[box * 2] as number) * scale + gutter;
    const tall = (sizes[box * 2 + 1] as number) * scale + gutter;
    let best: { at: number; x: number; y: number; waste: number } | undefined;
    for (let at = 0; at < skyline.length; at++) {
      const start = (skyline[at] as (typeof skyline)[number]).x;
      if (start + width > size) break;
      let y = 0;
      for (let k = at; k < skyline.length && (skyline[k] as (typeof skyline)[number]).x < start + width; k++) {
        y = Math.max(y, (skyline[k] as (typeof skyline)[number]).y);
      }
      if (y + tall > size || (best !== undefined && y > best.y)) continue;
      let waste = 0;
      for (let k = at; k < skyline.length && (skyline[k] as (typeof skyline)[number]).x < start + width; k++) {
        const part = skyline[k] as (typeof skyline)[number];
        waste += (y - part.y) * (Math.min(part.x + part.width, start + width) - part.x);
      }
      if (best === undefined || y < best.y || waste < best.waste) best = { at, x: start, y, waste };
    }
    if (best === undefined) return undefined;
    origins[box * 2] = best.x + gutter / 2;
    origins[box * 2 + 1] = best.y + gutter / 2;
    const end = best.x + width;
    const next = skyline.slice(0, best.at);
    next.push({ x: best.x, y: best.y + tall, width });
    for (const part of skyline.slice(best.at)) {
      const partEnd = part.x + part.width;
      if (partEnd > end) next.push({ x: Math.max(part.x, end), y: part.y, width: partEnd - Math.max(part.x, end) });
    }
    skyline = next;
  }
  return origins;
};
