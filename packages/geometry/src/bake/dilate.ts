/** Fills the texels between charts, so that filtering and mip levels never mix in a foreign colour. */

/**
 * Every empty texel takes the values of a nearest filled one (in steps along rows and columns), spreading from all
 * charts at once. `filled` is 1 where the images hold values already; all images have the same channels.
 */
export function dilate(images: readonly Uint8Array[], channels: number, size: number, filled: Uint8Array): void {
  const queue = new Int32Array(size * size);
  const source = new Int32Array(size * size).fill(-1);
  let tail = 0;
  for (let texel = 0; texel < filled.length; texel++) {
    if (filled[texel] !== 1) continue;
    source[texel] = texel;
    queue[tail++] = texel;
  }
  for (let head = 0; head < tail; head++) {
    const texel = queue[head] as number;
    const origin = source[texel] as number;
    const x = texel % size;
    for (let side = 0; side < 4; side++) {
      if (side === 0 ? x === 0 : side === 1 ? x === size - 1 : false) continue;
      const to = texel + (side === 0 ? -1 : side === 1 ? 1 : side === 2 ? -size : size);
      if (to < 0 || to >= filled.length || source[to] !== -1) continue;
      source[to] = origin;
      queue[tail++] = to;
    }
  }
  for (const data of images) {
    for (let texel = 0; texel < filled.length; texel++) {
      const origin = source[texel] as number;
      if (origin < 0 || origin === texel) continue;
      for (let c = 0; c < channels; c++) data[texel * channels + c] = data[origin * channels + c] as number;
    }
  }
}
