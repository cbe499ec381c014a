/**
 * Serialises ONNX models. The only module that knows `onnx-buf`, which is one release by one author: should it go,
 * protoc-gen-es makes the same messages from onnx.proto.
 */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from 'onnx-buf';
import type { WeightRole } from './graph.ts';
import type { ElementType, Shape, Value } from './types.ts';

/** Domain of ONNX Runtime's own operators. */
export const MICROSOFT = 'com.microsoft';

/** ONNX operator set. 21 has everything needed here; later ones bring attention operators that are slower. */
const OPSET = 21;
/** Version of the file format that opset 21 came with. */
const IR_VERSION = 10;

/** An attribute of a node: int, float, string, or a list of ints. */
export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

export interface NodeSpec {
  readonly name: string;
  readonly operator: string;
  readonly domain: string;
  /** Names; '' for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface InitializerSpec {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Little-endian bytes, or where they stand in a file. */
  readonly data: Uint8Array | { readonly location: string; readonly offset: number; readonly byteLength: number };
}

export interface ModelSpec {
  readonly name: string;
  readonly nodes: readonly NodeSpec[];
  readonly constants: readonly InitializerSpec[];
  readonly weights: readonly InitializerSpec[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

const DATA_TYPE: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  float64: TensorProto_DataType.DOUBLE,
  int8: TensorProto_DataType.INT8,
  uint8: TensorProto_DataType.UINT8,
  int16: TensorProto_DataType.INT16,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};

/** ONNX's number of an element type, as the `to` of a Cast wants it. */
export function dataTypeNumber(type: ElementType): number {
  return DATA_TYPE[type];
}

/**
 * An initializer that is also an input is a default that a caller may override (ONNX IR, "Graph inputs"); the runtime
 * must therefore leave it as it is. That is how weights are kept mapped: its options against folding constants do not
 * reach every pass that folds.
 */
export function encodeModel(all: ModelSpec, role: WeightRole): Uint8Array {
  const used = new Set(all.nodes.flatMap(({ inputs }) => inputs));
  const needed = (initializers: readonly InitializerSpec[]) => initializers.filter(({ name }) => used.has(name));
  const spec = { ...all, constants: needed(all.constants), weights: needed(all.weights) };
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'espalier',
    opsetImport: [
      { domain: '', version: BigInt(OPSET) },
      { domain: MICROSOFT, version: 1n },
    ],
    graph: {
      name: spec.name,
      node: (role === 'mapped' ? wideningFirst(spec) : spec.nodes).map((node) => ({
        name: node.name,
        opType: node.operator,
        domain: node.domain,
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
      })),
      initializer: [...spec.constants, ...spec.weights].map(initializer),
      input: [...spec.inputs, ...(role === 'mapped' ? spec.weights : [])].map(valueInfo),
      output: spec.outputs.map(valueInfo),
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/**
 * The nodes with those in front that need nothing but weights: widening, mostly. The runtime walks back from the
 * outputs and, of what a node needs, does first what was declared last. Declared first, a weight is widened right
 * before its use and dropped behind it; declared where it is used, all of them are widened before the first layer
 * runs.
 */
function wideningFirst({ nodes, constants, weights }: ModelSpec): readonly NodeSpec[] {
  const known = new Set(['', ...[...constants, ...weights].map(({ name }) => name)]);
  const first: NodeSpec[] = [];
  const rest: NodeSpec[] = [];
  for (const node of nodes) {
    const early = node.inputs.every((input) => known.has(input));
    (early ? first : rest).push(node);
    if (early) for (const output of node.outputs) known.add(output);
  }
  return [...first, ...rest];
}

function attribute(name: string, value: Attribute): MessageInitShape<typeof AttributeProtoSchema> {
  if ('int' in value) {
    return { name, type: AttributeProto_AttributeType.INT, i: BigInt(value.int) };
  }
  if ('float' in value) {
    return { name, type: AttributeProto_AttributeType.FLOAT, f: value.float };
  }
  if ('string' in value) {
    return { name, type: AttributeProto_AttributeType.STRING, s: new TextEncoder().encode(value.string) };
  }
  return { name, type: AttributeProto_AttributeType.INTS, ints: value.ints.map(BigInt) };
}

function initializer(spec: InitializerSpec): MessageInitShape<typeof TensorProtoSchema> {
  const common = { name: spec.name, dataType: DATA_TYPE[spec.type], dims: spec.shape.map(BigInt) };
  if (spec.data instanceof Uint8Array) {
    return { ...common, rawData: new Uint8Array(spec.data) };
  }
  const { location, offset, byteLength } = spec.data;
  return {
    ...common,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [
      { key: 'location', value: location },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(byteLength) },
    ],
  };
}

function valueInfo({ name, type, shape }: Value | InitializerSpec): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = dimensions(shape);
  return { name, type: { value: { case: 'tensorType', value: { elemType: DATA_TYPE[type], shape: { dim } } } } };
}

function dimensions(shape: Shape) {
  return shape.map((extent) => ({
    value:
      typeof extent === 'number'
        ? { case: 'dimValue' as const, value: BigInt(extent) }
        : { case: 'dimParam' as const, value: extent },
  }));
}
