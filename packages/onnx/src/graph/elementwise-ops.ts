/** Operations on each element: arithmetic with numpy's broadcasting, activations, comparisons. */
import { GraphBase } from './graph-base.ts';
import { MICROSOFT } from './model-proto.ts';
import { broadcast, describeShape } from './shapes.ts';
import type { ElementType, Value } from './types.ts';

/** A value, or a number that takes the other operand's type. */
export type Operand = Value | number;

export abstract class ElementwiseOps extends GraphBase {
  /** A scalar constant. */
  scalar(value: number, type: ElementType): Value {
    return this.constant([value], [], type);
  }

  add(a: Operand, b: Operand): Value {
    return this.#binary('Add', a, b);
  }

  sub(a: Operand, b: Operand): Value {
    return this.#binary('Sub', a, b);
  }

  mul(a: Operand, b: Operand): Value {
    return this.#binary('Mul', a, b);
  }

  div(a: Operand, b: Operand): Value {
    return this.#binary('Div', a, b);
  }

  max(a: Operand, b: Operand): Value {
    return this.#binary('Max', a, b);
  }

  min(a: Operand, b: Operand): Value {
    return this.#binary('Min', a, b);
  }

  pow(a: Operand, b: Operand): Value {
    return this.#binary('Pow', a, b);
  }

  /** `a == b`, `a < b`, `a > b` as bool. */
  compare(relation: 'Equal' | 'Less' | 'Greater', a: Operand, b: Operand): Value {
    return this.#binary(relation, a, b, 'bool');
  }

  /** `condition ? a : b` per element. */
  where(condition: Value, a: Operand, b: Operand): Value {
    const [x, y] = this.#operands('Where', a, b);
    const shape = broadcast(condition.shape, broadcast(x.shape, y.shape, 'Where'), 'Where');
    return this.node('Where', [condition, x, y], { type: x.type, shape });
  }

  /** An operator of one input that keeps type and shape. */
  unary(
    operator:
      | 'Neg'
      | 'Abs'
      | 'Sqrt'
      | 'Reciprocal'
      | 'Exp'
      | 'Log'
      | 'Sin'
      | 'Cos'
      | 'Floor'
      | 'Softplus'
      | 'Erf'
      | 'Relu',
    x: Value,
  ): Value {
    return this.node(operator, [x], x);
  }

  tanh(x: Value): Value {
    return this.node('Tanh', [x], x);
  }

  sigmoid(x: Value): Value {
    return this.node('Sigmoid', [x], x);
  }

  /** `x * sigmoid(x)`. */
  silu(x: Value): Value {
    return this.#swish(x, 1);
  }

  /** `x * sigmoid(1.702 x)`, CLIP's approximation of GELU. */
  quickGelu(x: Value): Value {
    return this.#swish(x, 1.702);
  }

  /** GELU: exact (`'none'`) or torch's `approximate='tanh'`. */
  gelu(x: Value, approximate: 'tanh' | 'none'): Value {
    return this.node('Gelu', [x], x, { approximate: { string: approximate } });
  }

  #swish(x: Value, alpha: number): Value {
    return this.node('QuickGelu', [x], x, { alpha: { float: alpha } }, { domain: MICROSOFT });
  }

  #binary(operator: string, a: Operand, b: Operand, result?: ElementType): Value {
    const [x, y] = this.#operands(operator, a, b);
    const shape = broadcast(x.shape, y.shape, `graph ${this.name}: ${operator}`);
    return this.node(operator, [x, y], { type: result ?? x.type, shape });
  }

  #operands(operator: string, a: Operand, b: Operand): [Value, Value] {
    if (typeof a === 'number') {
      if (typeof b === 'number') {
        throw this.error(`${operator} of two numbers`);
      }
      return [this.scalar(a, b.type), b];
    }
    const other = typeof b === 'number' ? this.scalar(b, a.type) : b;
    if (a.type !== other.type) {
      const shown = [a, other].map(({ type, shape }) => `${type} ${describeShape(shape)}`);
      throw this.error(`${operator}: types differ: ${shown.join(' and ')}`);
    }
    return [a, other];
  }
}
