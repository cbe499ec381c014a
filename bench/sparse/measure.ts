export interface Measured {
  readonly what: string;
  readonly voxels: number;
  /** Wall and processor time of the least disturbed run; on an idle machine they are the same. */
  readonly seconds: number;
  readonly cpu: number;
}

const RUNS = 7;

/** @param make Gives what cannot be left out, which is looked at. */
export function measure(what: string, voxels: number, make: () => { readonly length: number }, runs = RUNS): Measured {
  let seconds = Number.POSITIVE_INFINITY;
  let cpu = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    const before = process.cpuUsage();
    const { length } = make();
    const { user, system } = process.cpuUsage(before);
    seconds = Math.min(seconds, (performance.now() - started) / 1000);
    cpu = Math.min(cpu, (user + system) / 1e6);
    if (length === 0) throw new Error(`${what}: nothing was made`);
  }
  return { what, voxels, seconds, cpu };
}

/** Voxels between two radii around the middle of a grid, row-major as occupied ones come. */
export function shell(resolution: number, inner: number, outer: number): Int32Array {
  const voxels: number[] = [];
  const middle = (resolution - 1) / 2;
  for (let x = 0; x < resolution; x++) {
    for (let y = 0; y < resolution; y++) {
      for (let z = 0; z < resolution; z++) {
        const radius = Math.hypot(x - middle, y - middle, z - middle);
        if (radius > inner && radius < outer) voxels.push(x, y, z);
      }
    }
  }
  return Int32Array.from(voxels);
}
