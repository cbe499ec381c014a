/** The work that every export does: `model.glb`, what the validator finds in it, and what it is. */
import type { ValidatorSummary } from '@espalier/contracts';
import { type AssetStats, describeAsset, exportGlb, validateGlb } from '@espalier/geometry';
import { type FinishedAsset, texturedMesh } from './make-output.ts';

export interface Exported {
  readonly glb: Uint8Array;
  readonly asset: AssetStats;
  /** y up, as in the file. */
  readonly bounds: { readonly min: [number, number, number]; readonly max: [number, number, number] };
  readonly validator: ValidatorSummary;
  /** What the validator says, worst first, at most ten lines. */
  readonly findings: readonly string[];
}

export async function exportAsset(finished: FinishedAsset): Promise<Exported> {
  const { mesh, smooth, baseColor, extras } = finished;
  const glb = await exportGlb({ mesh: texturedMesh(finished), extras });
  const { messages, ...validator } = await validateGlb(glb);
  const asset = describeAsset(smooth, mesh, baseColor.width, glb);
  return {
    glb,
    asset,
    bounds: yUp(asset.bounds),
    validator,
    findings: messages.slice(0, 10).map(({ severity, code, message, pointer }) => {
      return `${severity} ${code}${pointer === undefined ? '' : ` at ${pointer}`}: ${message}`;
    }),
  };
}

/** (x, y, z) becomes (x, z, -y): the least -y is that of the greatest y. */
function yUp({ min, max }: { readonly min: readonly number[]; readonly max: readonly number[] }): Exported['bounds'] {
  const [x0, y0, z0] = min as [number, number, number];
  const [x1, y1, z1] = max as [number, number, number];
  return { min: [x0, z0, 0 - y1], max: [x1, z1, 0 - y0] };
}
