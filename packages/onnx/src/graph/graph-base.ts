/** Inputs, weights, constants, nodes and outputs: what every operation of the builder stands on. */
import type { Checkpoint } from '../checkpoint.ts';
import { encodeNumbers } from './constants.ts';
import { withFloat32Probe } from './float32-probe.ts';
import type { Graph, GraphTarget, WeightRole } from './graph.ts';
import { GraphError } from './graph-error.ts';
import { type Attribute, dataTypeNumber, encodeModel, type InitializerSpec } from './model-proto.ts';
import { describeShape, sameShape } from './shapes.ts';
import { inputsFor, nodesFor, type TargetedNode } from './targets.ts';
import { type ComputeType, type ElementType, elementTypeOf, type Shape, type Value, type ValueType } from './types.ts';
import { externalInitializers, selectWeight, type WeightOptions, type WeightPart } from './weights.ts';

export interface GraphOptions {
  /** For logs and errors: the network's name. */
  readonly name: string;
  /** Where `weight` looks; may be left out for graphs without weights. */
  readonly checkpoint?: Checkpoint;
  /**
   * Type of the torso: linear layers, attention. Norms are computed in float32 whatever it is.
   * @defaultValue `'float32'`
   */
  readonly computeType?: ComputeType;
  /**
   * `mapped` for a graph that runs once or twice, or computes other weights from the stored ones: what the runtime would
   * prepare does not pay. @defaultValue decided by the size of the weights
   */
  readonly weightRole?: WeightRole;
  /** Names of `tap`s that become outputs. A name that no tap has makes `build` fail. */
  readonly taps?: readonly string[];
}

export abstract class GraphBase {
  readonly name: string;
  readonly computeType: ComputeType;
  readonly #checkpoint: Checkpoint | undefined;
  readonly #weightRole: WeightRole | undefined;
  readonly #taps: ReadonlySet<string>;
  readonly #nodes: TargetedNode[] = [];
  readonly #inline: InitializerSpec[] = [];
  readonly #weights = new Map<string, WeightPart>();
  readonly #inputs = new Map<string, Value>();
  readonly #outputs = new Map<string, Value>();
  readonly #cache = new Map<string, Value>();
  #target: GraphTarget | undefined;

  constructor(options: GraphOptions) {
    this.name = options.name;
    this.computeType = options.computeType ?? 'float32';
    this.#checkpoint = options.checkpoint;
    this.#weightRole = options.weightRole;
    this.#taps = new Set(options.taps);
  }

  /** Declares an input. Named extents of equal name must be equal when the graph runs. */
  input(name: string, type: ElementType, shape: Shape): Value {
    if (this.#inputs.has(name)) {
      throw this.error(`input '${name}' is declared twice`);
    }
    const value = { name, type, shape };
    this.#inputs.set(name, value);
    return value;
  }

  /** Makes `value` an output of the graph under `name`. */
  output(name: string, value: Value): void {
    if (this.#outputs.has(name) || this.#inputs.has(name)) {
      throw this.error(`output '${name}' is declared twice or named like an input`);
    }
    this.#outputs.set(name, this.node('Identity', [value], value, {}, { name }));
  }

  /**
   * Names an intermediate value, which becomes an output, in float32, when it was asked for; else nothing is added to the
   * graph. Returns `value` for chaining.
   */
  tap(name: string, value: Value): Value {
    if (this.#taps.has(name)) {
      this.output(name, this.cast(value, 'float32'));
    }
    return value;
  }

  /** Whether a tap of this name becomes an output. */
  isTapped(name: string): boolean {
    return this.#taps.has(name);
  }

  /**
   * A weight of the checkpoint, cast when the file's dtype is not the type wanted.
   * @param shape What the config asks for; checked against the file.
   * @throws TerminalError `CHECKPOINT_MISMATCH` naming the key when it is missing or has another shape.
   */
  weight(key: string, shape: readonly number[], options: WeightOptions = {}): Value {
    if (this.#checkpoint === undefined) {
      throw this.error(`weight '${key}': the graph has no checkpoint`);
    }
    const part = selectWeight(this.#checkpoint.take(key, shape), options);
    const name = part.name;
    this.#weights.set(name, part);
    const stored = { name, type: elementTypeOf(part.dtype), shape: part.shape };
    const type = options.type ?? this.computeType;
    return stored.type === type ? stored : this.cached(`${name} as ${type}`, () => this.cast(stored, type));
  }

  /** True when the checkpoint has this key. */
  hasWeight(key: string): boolean {
    return this.#checkpoint?.has(key) ?? false;
  }

  /** A constant of the given values, row-major. Numbers are rounded to `type`. */
  constant(values: ArrayLike<number>, shape: readonly number[], type: ElementType = 'float32'): Value {
    const bytes = encodeNumbers(values, type);
    const key = `constant ${type} ${describeShape(shape)} ${bytes.byteLength <= 64 ? bytes.join() : ''}`;
    const make = () => {
      const name = `constant_${this.#inline.length}`;
      this.#inline.push({ name, type, shape, data: bytes });
      return { name, type, shape };
    };
    return bytes.byteLength <= 64 ? this.cached(key, make) : make();
  }

  /** Converts to another element type; the value itself when it has that type. */
  cast(x: Value, type: ElementType): Value {
    return x.type === type
      ? x
      : this.node('Cast', [x], { type, shape: x.shape }, { to: { int: dataTypeNumber(type) } });
  }

  /**
   * Adds any operator; the escape hatch under all other methods. The caller states what it gives.
   * @param inputs `undefined` leaves an optional input out.
   */
  node(
    operator: string,
    inputs: readonly (Value | undefined)[],
    output: ValueType,
    attributes: Readonly<Record<string, Attribute>> = {},
    options: { domain?: string; name?: string } = {},
  ): Value {
    const [value] = this.nodes(operator, inputs, [output], attributes, options);
    if (value === undefined) {
      throw this.error(`${operator} gave nothing`);
    }
    return value;
  }

  /** As `node`, for an operator with several outputs; `undefined` leaves an optional one out. */
  nodes(
    operator: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly (ValueType | undefined)[],
    attributes: Readonly<Record<string, Attribute>> = {},
    options: { domain?: string; name?: string } = {},
  ): Value[] {
    const name = `${operator}_${this.#nodes.length}`;
    const values = outputs.map((output, i): Value => {
      if (output === undefined) return { name: '', type: 'bool', shape: [] };
      const { type, shape } = output;
      return { name: options.name ?? (outputs.length === 1 ? name : `${name}.${i}`), type, shape };
    });
    this.#nodes.push({
      target: this.#target,
      name,
      operator,
      domain: options.domain ?? '',
      inputs: inputs.map((input) => input?.name ?? ''),
      outputs: values.map((value) => value.name),
      attributes,
    });
    return values;
  }

  /**
   * What the runtime's kernels want written in another way for each target. Both ways give the same values: as many, of
   * equal types and shapes, each by a node of their own.
   */
  either(ways: Readonly<Record<GraphTarget, () => readonly Value[]>>): readonly Value[] {
    const values = this.within('cpu', ways.cpu);
    const begin = this.#nodes.length;
    const others = this.within('cuda', ways.cuda);
    const fits = ({ type, shape }: Value, other: Value | undefined) =>
      other !== undefined && other.type === type && sameShape(other.shape, shape);
    if (values.length !== others.length || !values.every((value, i) => fits(value, others[i]))) {
      throw this.error('what is written for one target gives other values than what is written for the other');
    }
    const names = new Map(others.map(({ name }, i) => [name, values[i]?.name ?? name]));
    const renamed = (name: string) => names.get(name) ?? name;
    for (const [i, node] of this.#nodes.entries()) {
      if (i < begin) continue;
      this.#nodes[i] = { ...node, inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) };
    }
    return values;
  }

  /** What is made here is there for one target alone, for its ways in `either`. */
  within<T>(target: GraphTarget, write: () => T): T {
    if (this.#target !== undefined) {
      throw this.error('a way for one target cannot hold ways for several');
    }
    this.#target = target;
    try {
      return write();
    } finally {
      this.#target = undefined;
    }
  }

  /**
   * Finishes the graph.
   * @throws GraphError when a tap that was asked for does not exist, or there is no output.
   */
  build(): Graph {
    for (const tap of this.#taps) {
      if (!this.#outputs.has(tap)) {
        throw this.error(`there is no intermediate value '${tap}'`);
      }
    }
    if (this.#outputs.size === 0) {
      throw this.error('there is no output');
    }
    const { weightsFolder, external } = externalInitializers([...this.#weights.values()]);
    const nodes = [...this.#nodes];
    const inputs = new Map(this.#inputs);
    const spec = {
      name: this.name,
      constants: [...this.#inline],
      weights: external,
      outputs: [...this.#outputs.values()],
    };
    return {
      name: this.name,
      encode: (role, target, probed = false) => {
        const declared = [...inputsFor(inputs, nodes, target).values()];
        const model = { ...spec, inputs: declared, nodes: nodesFor(nodes, target) };
        return encodeModel(probed ? withFloat32Probe(model) : model, role);
      },
      inputs,
      inputsFor: (target) => inputsFor(inputs, nodes, target),
      outputs: new Map(this.#outputs),
      weightsFolder,
      weightRole: this.#weightRole,
      weightBytes: [...this.#weights.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
    };
  }

  protected error(problem: string): GraphError {
    return new GraphError(`graph ${this.name}: ${problem}`);
  }

  /** One value per key: what several operations share is made once. */
  shared(key: string, make: () => Value): Value {
    return this.cached(`shared ${key}`, make);
  }

  /** What is made on the way of one target is not there for the other. */
  protected cached(key: string, make: () => Value): Value {
    const own = this.#target === undefined ? key : `${this.#target}: ${key}`;
    let value = this.#cache.get(key) ?? this.#cache.get(own);
    if (value === undefined) {
      value = make();
      this.#cache.set(own, value);
    }
    return value;
  }
}
