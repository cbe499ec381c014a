/** Checks tensors before the runtime sees them: its own errors name neither the shape expected nor the one given. */
import { TerminalError } from '@espalier/contracts';
import { assertTensor, type Tensor } from '@espalier/tensors';
import type { Graph } from '../graph/graph.ts';
import { describeShape } from '../graph/shapes.ts';
import { dtypeOf, type ValueType } from '../graph/types.ts';

/**
 * @param inputs Those of the graph's that are read on the device; others may be there and are not looked at.
 * @throws TerminalError `FEED_INVALID` (or `TENSOR_INVALID`) naming the input that is missing, unknown or does not fit.
 */
export function assertFeeds(
  graph: Graph,
  inputs: ReadonlyMap<string, ValueType>,
  feeds: Readonly<Record<string, Tensor>>,
): void {
  for (const name of Object.keys(feeds)) {
    if (!graph.inputs.has(name)) {
      throw invalid(graph, name, `is no input; inputs: ${[...graph.inputs.keys()].join(', ')}`);
    }
  }
  const bound = new Map<string, number>();
  for (const [name, { type, shape }] of inputs) {
    const tensor = feeds[name];
    if (tensor === undefined) {
      throw invalid(graph, name, 'is missing');
    }
    assertTensor(tensor, name);
    if (tensor.dtype !== dtypeOf(type)) {
      throw invalid(graph, name, `must be ${dtypeOf(type)}, is ${tensor.dtype}`);
    }
    const fits =
      tensor.shape.length === shape.length &&
      shape.every((extent, axis) => {
        const given = tensor.shape[axis] as number;
        if (typeof extent === 'number') {
          return extent === given;
        }
        const before = bound.get(extent) ?? given;
        bound.set(extent, before);
        return before === given;
      });
    if (!fits) {
      const known = [...bound].map(([extent, value]) => `${extent} = ${value}`).join(', ');
      const hint = known === '' ? '' : ` (${known})`;
      throw invalid(graph, name, `must have shape ${describeShape(shape)}${hint}, has ${describeShape(tensor.shape)}`);
    }
  }
}

/**
 * Whether a tensor has the shape of its output is known when that has been computed.
 * @throws TerminalError `INTO_INVALID` (or `TENSOR_INVALID`) naming the output that is unknown or of another type.
 */
export function assertInto(graph: Graph, into: Readonly<Record<string, Tensor>>): void {
  for (const [name, tensor] of Object.entries(into)) {
    const output = graph.outputs.get(name);
    const dtype = output && dtypeOf(output.type);
    if (tensor.dtype !== dtype) {
      const problem = dtype === undefined ? 'is not there' : `is ${dtype}, not ${tensor.dtype}`;
      throw new TerminalError(`graph ${graph.name}: output '${name}' ${problem}`, {
        code: 'INTO_INVALID',
        field: name,
      });
    }
    assertTensor(tensor, name);
  }
}

function invalid(graph: Graph, name: string, problem: string): TerminalError {
  return new TerminalError(`graph ${graph.name}: input '${name}' ${problem}`, { code: 'FEED_INVALID', field: name });
}
