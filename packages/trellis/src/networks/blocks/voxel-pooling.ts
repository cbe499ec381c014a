/** Down-sampling of voxel features. Source: TRELLIS `modules/sparse/spatial.py`, `SparseDownsample`. */
import type { GraphBuilder, GraphTarget, Value } from '@espalier/onnx';
import { float32, int32, type Tensor } from '@espalier/tensors';
import type { Downsampling } from '../../sparse/index.ts';
import { sumGathered, withZeroRow } from './submanifold-conv.ts';

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
  const padded = withZeroRow(g, x);
  const way = (target: GraphTarget) => () => [sumGathered(g, padded, children, target)];
  const [sum] = g.either({ cpu: way('cpu'), cuda: way('cuda') });
  return g.mul(sum as Value, g.cast(scale, x.type));
}
