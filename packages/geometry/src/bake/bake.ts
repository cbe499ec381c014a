/** Both textures of an asset, by rows: any share of the rows can be baked on its own, to the same bytes. */

import { checkpoint, type Interruptible } from '../interruptible.ts';
import { BLOCK, bakeGaussianRows } from './bake-gaussian-rows.ts';
import { asImage, type BakedTexels, type BakePlan, emptyTexels } from './bake-plan.ts';
import { bakeSurfaceRows } from './bake-surface-rows.ts';
import { dilate } from './dilate.ts';
import type { Image } from './image.ts';

/** Rows that one step of a bake fills; a multiple of the blocks that share a search. */
export const BAND = 4 * BLOCK;

/** Steps that make up a bake: its bands are numbered from 0. */
export function bandCount({ target }: BakePlan): number {
  return Math.ceil(target.texels.size / BAND);
}

/** Fills one band of both textures. Bands may be filled in any order, by any thread, once each. */
export function bakeBand({ target, detail, gaussians }: BakePlan, band: number, out: BakedTexels): void {
  const { size } = target.texels;
  const [from, to] = [band * BAND, Math.min(size, (band + 1) * BAND)];
  bakeSurfaceRows(target, detail, out, from, to);
  if (gaussians !== undefined) bakeGaussianRows(target, gaussians, out, from, to);
}

/** Fills the texels between charts, so that filtering and mip levels never mix in a foreign colour. */
export function spreadTexels(out: BakedTexels, size: number): { baseColor: Image; normalMap: Image } {
  dilate([out.baseColor, out.normalMap], 3, size, out.filled);
  return { baseColor: asImage(out.baseColor, size), normalMap: asImage(out.normalMap, size) };
}

/**
 * The whole bake on this thread.
 *
 * @throws CancelledError when interrupted
 */
export function bake(plan: BakePlan, interruptible: Interruptible = {}): { baseColor: Image; normalMap: Image } {
  const { size } = plan.target.texels;
  const out = emptyTexels(size);
  const bands = bandCount(plan);
  for (let band = 0; band < bands; band++) {
    checkpoint(interruptible, band / bands);
    bakeBand(plan, band, out);
  }
  checkpoint(interruptible, 1);
  return spreadTexels(out, size);
}
