/** Fills the texels between charts, so that filtering and mip levels never mix in a foreign colour. */

/**
 * Every empty texel takes the value of a nearest filled one (in steps along rows and columns), spreading from all
 * charts at once. `filled` is 1 where `data` holds a value already.
 */
export function dilate(data: Uint8Array, channels: number, size: number, filled: Uint8Array): void {
  const queue = new Int32Array(size * size);
  const done = filled.slice();
  let tail = 0;
  const spread = (from: number, to: number) => {
    if (done[to] === 1) return;
    done[to] = 1;
    for (let c = 0; c < channels; c++) data[to * channels + c] = data[from * channels + c] as number;
    queue[tail++] = to;
  };
  const visit = (texel: number) => {
    const x = texel % size;
    if (x > 0) spread(texel, texel - 1);
    if (x < size - 1) spread(texel, texel + 1);
    if (texel >= size) spread(texel, texel - size);
    if (texel < size * (size - 1)) spread(texel, texel + size);
  };
  for (let texel = 0; texel < filled.length; texel++) if (filled[texel] === 1) visit(texel);
  for (let head = 0; head < tail; head++) visit(queue[head] as number);
}
