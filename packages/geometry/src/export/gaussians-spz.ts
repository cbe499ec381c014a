/** 3D Gaussians as `.spz`, by the reference library of the format. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { SpzModule } from '@adobe/spz';
import { TerminalError } from '@espalier/contracts';
import type { Gaussians } from '../gaussians.ts';
import { opacityLogit, scaleLogarithm, turnedPosition, turnedQuaternion } from './turned-gaussians.ts';

/** The last version that is one gzip stream: later ones are zstd, earlier ones keep rotations in 8 bits, not 10. */
const VERSION = 3;

/**
 * Niantic's compressed Gaussians (github.com/nianticlabs/spz, version 3): positions in steps of 1/4096, logarithms of
 * the scales in steps of 1/16, 8 bits of opacity and of each colour, the three smaller components of the quaternion in
 * 10 bits each. In the file y is up, as in the GLB: viewers turn it round themselves. The same Gaussians give the same
 * bytes.
 *
 * @throws TerminalError `SPZ_FAILED` where the library gives nothing
 */
export async function gaussiansToSpz(gaussians: Gaussians): Promise<Uint8Array> {
  const { count, scales, sh0, opacities } = gaussians;
  const positions = new Float32Array(count * 3);
  const rotations = new Float32Array(count * 4);
  for (let g = 0; g < count; g++) {
    positions.set(turnedPosition(gaussians, g), g * 3);
    const [w, x, y, z] = turnedQuaternion(gaussians, g);
    rotations.set([x, y, z, w], g * 4);
  }
  const spz = await openSpz();
  const file = spz.saveSpzToBuffer(
    {
      numPoints: count,
      shDegree: 0,
      antialiased: false,
      extensions: [],
      positions,
      rotations,
      scales: scales.map(scaleLogarithm),
      alphas: opacities.map(opacityLogit),
      colors: sh0,
      sh: new Float32Array(0),
    },
    // The bits are those of higher degrees, of which there are none.
    { version: VERSION, from: spz.CoordinateSystem.RDF, sh1Bits: 8, shRestBits: 8 },
  );
  if (file !== null) return file;
  throw new TerminalError(`${count} Gaussians could not be packed as .spz`, { code: 'SPZ_FAILED', field: 'outputs' });
}

/**
 * A megabyte of WebAssembly that few jobs need: loaded by the first. The package does not say that its file is a module,
 * which Node before 20.19 therefore takes for CommonJS, and later ones warn of; as a `data:` module it is one everywhere.
 * What it prints belongs to nobody.
 */
async function openSpz(): Promise<SpzModule> {
  const source = await readFile(createRequire(import.meta.url).resolve('@adobe/spz'), 'base64');
  const { default: createSpz } = (await import(`data:text/javascript;base64,${source}`)) as typeof import('@adobe/spz');
  return createSpz({ print: () => {}, printErr: () => {} });
}
