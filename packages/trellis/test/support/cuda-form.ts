import { GraphBuilder } from '@espalier/onnx';

/**
 * From now on graphs are written as for CUDA, on whatever they run: what is written for its kernels alone is checked where
 * there is no GPU.
 * @returns What ends it.
 */
export function writeForCuda(): () => void {
  const { build } = GraphBuilder.prototype;
  GraphBuilder.prototype.build = function () {
    const graph = build.call(this);
    return { ...graph, encode: (role) => graph.encode(role, 'cuda') };
  };
  return () => {
    GraphBuilder.prototype.build = build;
  };
}
