/** What is written otherwise for CUDA, for the sake of the runtime's kernels there. */
import type { NodeSpec } from './model-proto.ts';

/**
 * The same graph with every Gemm's bias as an Add of its own. ONNX Runtime's CUDA kernel makes the bias as large as the
 * result first, by a product of matrices with one inner element, and has cuBLAS read it back: a large write and a large
 * read by kernels that are bad at it (`core/providers/cuda/math/gemm.cc`). The CPU's kernel adds it for nothing.
 */
export function forCuda(nodes: readonly NodeSpec[]): readonly NodeSpec[] {
  return nodes.flatMap((node) => {
    const [a = '', b = '', bias = ''] = node.inputs;
    const [y = ''] = node.outputs;
    if (node.operator !== 'Gemm' || bias === '') return [node];
    const product = `${y}.unbiased`;
    return [
      { ...node, inputs: [a, b], outputs: [product] },
      { name: `${node.name}.bias`, operator: 'Add', domain: '', inputs: [product, bias], outputs: [y], attributes: {} },
    ];
  });
}
