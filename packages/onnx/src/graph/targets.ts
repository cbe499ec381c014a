/** One graph, written in the way that suits the runtime's kernels on each target. */
import type { GraphTarget } from './graph.ts';
import type { NodeSpec } from './model-proto.ts';
import type { Value } from './types.ts';

/** A node of one target's way, or of all. */
export interface TargetedNode extends NodeSpec {
  readonly target: GraphTarget | undefined;
}

export function nodesFor(nodes: readonly TargetedNode[], target: GraphTarget): readonly NodeSpec[] {
  const own = nodes.filter((node) => node.target === undefined || node.target === target);
  return target === 'cuda' ? own.flatMap(biasApart) : own;
}

/** All inputs but those that nodes of other targets alone read: what is not read is not sent to a card, nor need be made. */
export function inputsFor(
  inputs: ReadonlyMap<string, Value>,
  nodes: readonly TargetedNode[],
  target: GraphTarget,
): Map<string, Value> {
  const readBy = (some: readonly NodeSpec[]) => new Set(some.flatMap((node) => node.inputs));
  const [here, anywhere] = [readBy(nodesFor(nodes, target)), readBy(nodes)];
  return new Map([...inputs].filter(([name]) => here.has(name) || !anywhere.has(name)));
}

/**
 * A Gemm's bias as an Add of its own. ONNX Runtime's CUDA kernel makes the bias as large as the result first, by a product
 * of matrices with one inner element, and has cuBLAS read it back: a large write and a large read by kernels that are
 * bad at it (`core/providers/cuda/math/gemm.cc`). The CPU's kernel adds it for nothing.
 */
function biasApart(node: NodeSpec): readonly NodeSpec[] {
  const [a = '', b = '', bias = ''] = node.inputs;
  const [y = ''] = node.outputs;
  if (node.operator !== 'Gemm' || bias === '') return [node];
  const product = `${y}.unbiased`;
  return [
    { ...node, inputs: [a, b], outputs: [product] },
    { name: `${node.name}.bias`, operator: 'Add', domain: '', inputs: [product, bias], outputs: [y], attributes: {} },
  ];
}
