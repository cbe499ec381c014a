/** A small seeded generator (mulberry32), so that every run of a test sees the same data. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` different voxels of [0, extent)^3 in random order, [count, 3]. */
export function randomVoxels(count: number, extent: number, seed: number): Int32Array {
  const random = seededRandom(seed);
  const seen = new Set<number>();
  const voxels: number[] = [];
  while (seen.size < count) {
    const [x, y, z] = [0, 0, 0].map(() => Math.floor(random() * extent)) as [number, number, number];
    const key = (x * extent + y) * extent + z;
    if (seen.has(key)) continue;
    seen.add(key);
    voxels.push(x, y, z);
  }
  return Int32Array.from(voxels);
}

/** [x, y, z] of every row. */
export function rowsOf(voxels: Int32Array): [number, number, number][] {
  return Array.from({ length: voxels.length / 3 }, (_, row) => [...voxels.subarray(row * 3, row * 3 + 3)] as never);
}

/** Values around 0 with a spread of about 1, as an activation has. */
export function randomValues(count: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => (random() + random() + random() - 1.5) * 2);
}
