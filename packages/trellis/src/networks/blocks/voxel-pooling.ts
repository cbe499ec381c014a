/** Down-sampling of voxel features. Source: TRELLIS `modules/sparse/spatial.py`, `SparseDownsample`. */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { float32, int32, type Tensor } from '@espalier/tensors';
import type { Downsampling } from '../../sparse/index.ts';
import { withZeroRow } from './submanifold-conv.ts';

/** Which fine rows make up each coarse voxel, and what their sum is multiplied with. */
export interface Pooling {
  /** int32 [M, 8] */
  readonly children: Value;
  /** float32 [M, 1] */
  readonly scale: Value;
}

/** Declares the inputs `name.children` and `name.scale`; `rows` names the number of coarse voxels. */
export function poolingInputs(g: GraphBuilder, name: string, rows: string): Pooling {
  return {
    children: g.input(`${name}.children`, 'int32', [rows, 8]),
    scale: g.input(`${name}.scale`, 'float32', [rows, 1]),
  };
}

export function feedPooling(name: string, { children, scale }: Downsampling): Record<string, Tensor> {
  return {
    [`${name}.children`]: int32([scale.length, 8], children),
    [`${name}.scale`]: float32([scale.length, 1], scale),
  };
}

/** Sum over the n children of each coarse voxel, divided by n + 1: [N, C] -> [M, C]. */
export function poolDown(g: GraphBuilder, x: Value, { children, scale }: Pooling): Value {
  const sum = g.reduce('Sum', g.gather(withZeroRow(g, x), children), [1]);
  const rows = children.shape[0] as string;
  return g.mul(g.reshape(sum, [rows, x.shape[1] as number]), g.cast(scale, x.type));
}
