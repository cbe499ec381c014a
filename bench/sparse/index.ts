/**
 * What the processor makes of voxels around the decoders, at the size of the published model: the neighbours of the cells
 * that its mesh decoder ends with, 256^3 with 1.3 million of them active, as a structured latent of 64^3 gives them and in
 * lexicographic order; and what one decoder's run takes beside its network (`decoder-host.ts`).
 */
import { neighbourTable, subdivideNeighbours, subdivideTwice } from '@espalier/trellis/sparse';
import type { BenchReport } from '../report.ts';
import { measureDecoderHost } from './decoder-host.ts';
import { type Measured, measure, shell } from './measure.ts';

const TAPS = 27;

export async function run(): Promise<BenchReport> {
  const neighbours = measureNeighbours();
  const decoder = measureDecoderHost();
  const [grid, rows] = neighbours as [Measured, Measured];
  return {
    rows: [...neighbours.map((one) => ({ ...one, over: grid })), ...decoder.measured].map(
      ({ what, voxels, seconds, cpu, over }) => ({
        what,
        voxels,
        ms: seconds * 1000,
        'CPU ms': cpu * 1000,
        ratio: cpu / over.cpu,
        over: over.what,
      }),
    ),
    figures: {
      measured: neighbours,
      decoder: decoder.measured.map(({ over, ...one }) => ({ ...one, over: over.what, ratio: one.cpu / over.cpu })),
    },
    goals: [
      { name: 'CPU seconds for the neighbours of decoded cells', value: grid.cpu, limit: 0.3 },
      { name: 'CPU seconds for the neighbours of sorted cells', value: rows.cpu, limit: 0.3 },
      { name: 'active voxels', value: grid.voxels, limit: 1_280_000, sense: 'at-least' },
      { name: "CPU seconds for one decoder's tables", value: decoder.tables, limit: 0.01 },
    ],
  };
}

function measureNeighbours(): Measured[] {
  const latent = shell(64, 28.7, 30.6);
  const cells = subdivideTwice(latent);
  const sorted = lexicographic(cells);
  const count = cells.length / 3;
  return [
    measure('grid, as decoded', count, () => neighbourTable(cells)),
    measure('grid, lexicographic', count, () => neighbourTable(sorted)),
    measure('typed hash', count, () => neighbourTable(cells, 'hash'), 3),
    measure('Map of numbers', count, () => byMap(cells), 1),
    measure('derived from the latent, 64^3 to 256^3', count, () => {
      const coarse = neighbourTable(latent);
      const middle = subdivideNeighbours(coarse, 0, latent.length / 3, new Int32Array(latent.length * 8 * 9));
      return subdivideNeighbours(middle, 0, (latent.length / 3) * 8, new Int32Array(count * TAPS));
    }),
  ];
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
