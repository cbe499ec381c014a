/** One extraction, timed; prints its figures as a line of JSON. Argument: whether to fill enclosed space. */

import { extractSurface } from '@espalier/geometry';
import { fullSizeCells } from './full-size-cells.ts';

export interface ExtractionFigures {
  readonly fillEnclosed: boolean;
  readonly voxels: number;
  readonly faces: number;
  readonly seconds: number;
  /** Highest resident memory of the process. */
  readonly peakBytes: number;
  readonly inputBytes: number;
}

const cells = fullSizeCells();
globalThis.gc?.();

const fillEnclosed = process.argv[2] === 'true';
const start = performance.now();
const mesh = extractSurface({ ...cells, fillEnclosed });
const seconds = (performance.now() - start) / 1000;
const figures: ExtractionFigures = {
  fillEnclosed,
  voxels: cells.coords.length / 3,
  faces: mesh.indices.length / 3,
  seconds,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  inputBytes: cells.features.byteLength + cells.coords.byteLength,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
