import { GraphBuilder } from '@espalier/onnx';
import { withoutPackedAttention } from '../../../onnx/test/support/packed-attention.ts';

/**
 * From now on graphs are written as for CUDA, on whatever they run: what is written for its kernels alone is checked where
 * there is no GPU. The one operator that has no other kernel is replaced by what its documentation says it computes.
 * @returns What ends it.
 */
export function writeForCuda(): () => void {
  const { build } = GraphBuilder.prototype;
  GraphBuilder.prototype.build = function () {
    const graph = build.call(this);
    return {
      ...graph,
      inputsFor: () => graph.inputsFor('cuda'),
      encode: (role) => withoutPackedAttention(graph.encode(role, 'cuda')),
    };
  };
  return () => {
    GraphBuilder.prototype.build = build;
  };
}
