/**
 * Index tables at the size of the published model: the neighbours of the cells that its mesh decoder ends with, 256^3
 * with 1.3 million of them active, as a structured latent of 64^3 gives them and in lexicographic order.
 */
import { neighbourTable, subdivide, subdivideNeighbours } from '@espalier/trellis/sparse';
import type { BenchReport } from '../report.ts';

const RUNS = 7;
const TAPS = 27;

interface Measured {
  readonly what: string;
  /** Wall and processor time of the least disturbed run; on an idle machine they are the same. */
  readonly seconds: number;
  readonly cpu: number;
}

export async function run(): Promise<BenchReport> {
  const latent = shell(64, 28.7, 30.6);
  const once = subdivide(latent);
  const cells = subdivide(once);
  const sorted = lexicographic(cells);
  const count = cells.length / 3;
  const measured = [
    measure('grid, as decoded', () => neighbourTable(cells)),
    measure('grid, lexicographic', () => neighbourTable(sorted)),
    measure('typed hash', () => neighbourTable(cells, 'hash'), 3),
    measure('Map of numbers', () => byMap(cells), 1),
    measure('derived from the latent, 64^3 to 256^3', () => {
      const coarse = neighbourTable(latent);
      const middle = subdivideNeighbours(coarse, 0, latent.length / 3, new Int32Array(once.length * 9));
      return subdivideNeighbours(middle, 0, once.length / 3, new Int32Array(count * TAPS));
    }),
  ];
  const [grid, rows] = measured as [Measured, Measured];
  return {
    rows: measured.map(({ what, seconds, cpu }) => ({
      table: what,
      voxels: count,
      seconds,
      'CPU seconds': cpu,
      'over grid': cpu / grid.cpu,
    })),
    figures: { runs: RUNS, voxels: count, measured },
    goals: [
      { name: 'CPU seconds for the neighbours of decoded cells', value: grid.cpu, limit: 0.3 },
      { name: 'CPU seconds for the neighbours of sorted cells', value: rows.cpu, limit: 0.3 },
      { name: 'active voxels', value: count, limit: 1_280_000, sense: 'at-least' },
    ],
  };
}

function measure(what: string, make: () => Int32Array, runs = RUNS): Measured {
  let seconds = Number.POSITIVE_INFINITY;
  let cpu = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    const before = process.cpuUsage();
    const table = make();
    const { user, system } = process.cpuUsage(before);
    seconds = Math.min(seconds, (performance.now() - started) / 1000);
    cpu = Math.min(cpu, (user + system) / 1e6);
    if (table.length % TAPS !== 0) throw new Error('not a table');
  }
  return { what, seconds, cpu };
}

/** Voxels between two radii around the middle of a grid. */
function shell(resolution: number, inner: number, outer: number): Int32Array {
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

function lexicographic(voxels: Int32Array): Int32Array {
  const keys = Float64Array.from({ length: voxels.length / 3 }, (_, i) => key(voxels, i)).sort();
  return Int32Array.from({ length: voxels.length }, (_, i) => {
    const value = keys[Math.floor(i / 3)] as number;
    return Math.floor(value / 1024 ** (2 - (i % 3))) % 1024;
  });
}

function key(voxels: Int32Array, row: number): number {
  const [x, y, z] = [0, 1, 2].map((axis) => voxels[row * 3 + axis] as number) as [number, number, number];
  return (x * 1024 + y) * 1024 + z;
}

/** The plain way, for comparison. */
function byMap(voxels: Int32Array): Int32Array {
  const rows = voxels.length / 3;
  const rowOf = new Map<number, number>();
  for (let row = 0; row < rows; row++) rowOf.set(key(voxels, row), row);
  const table = new Int32Array(rows * TAPS);
  for (let row = 0; row < rows; row++) {
    const centre = key(voxels, row);
    for (let tap = 0; tap < TAPS; tap++) {
      const step = ((Math.floor(tap / 9) - 1) * 1024 + (Math.floor(tap / 3) % 3) - 1) * 1024 + (tap % 3) - 1;
      table[row * TAPS + tap] = rowOf.get(centre + step) ?? rows;
    }
  }
  return table;
}
