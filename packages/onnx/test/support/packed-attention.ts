import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  type FunctionProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataType,
} from 'onnx-buf';
import { MICROSOFT } from '../../src/graph/model-proto.ts';

const PACKED = 'PackedMultiHeadAttention';
const OURS = 'espalier.test';

/** The model with a function in place of each packed attention, made of operators that every device has. */
export function withoutPackedAttention(bytes: Uint8Array): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const packed = model.graph?.node.filter(({ opType }) => opType === PACKED) ?? [];
  if (packed.length === 0) return bytes;
  for (const node of packed) node.domain = OURS;
  const { functions } = create(ModelProtoSchema, { functions: [packedAttention()] });
  model.functions.push(...functions);
  model.opsetImport.push(...create(ModelProtoSchema, { opsetImport: [{ domain: OURS, version: 1n }] }).opsetImport);
  return toBinary(ModelProtoSchema, model);
}

/** Lays the rows out in the padded grid, attends there, and reads the rows' places. */
function packedAttention(): MessageInitShape<typeof FunctionProtoSchema> {
  const padded = (name: string) => [
    node('Gather', [name, 'zero'], `${name}.first`),
    node('Sub', [`${name}.first`, `${name}.first`], `${name}.none`),
    node('Concat', [name, `${name}.none`], `${name}.all`, [int('axis', 0)]),
    node('Gather', [`${name}.all`, 'members'], `${name}.laid`),
    node('Reshape', [`${name}.laid`, 'grid'], `${name}.grid`),
  ];
  return {
    name: PACKED,
    domain: OURS,
    input: ['query', 'key', 'value', 'bias', 'places', 'starts'],
    output: ['out'],
    attribute: ['num_heads', 'scale'],
    opsetImport: [
      { domain: '', version: 21n },
      { domain: MICROSOFT, version: 1n },
    ],
    node: [
      constant('zero', [0]),
      constant('one', [1]),
      constant('rest', [-1]),
      constant('most', [2 ** 31]),
      constant('axis', []),
      node('Reshape', ['places', 'rest'], 'flat32'),
      node('Cast', ['flat32'], 'flat', [int('to', TensorProto_DataType.INT64)]),
      node('Sub', ['flat', 'flat'], 'zeros'),
      node('Add', ['zeros', 'one'], 'ones'),
      node('CumSum', ['ones', 'axis'], 'counted'),
      node('Sub', ['counted', 'one'], 'numbers'),
      node('ScatterElements', ['zeros', 'flat', 'numbers'], 'memberAt', [int('axis', 0)]),
      node('Shape', ['query'], 'query.shape'),
      node('Slice', ['query.shape', 'zero', 'one'], 'T'),
      node('Min', ['memberAt', 'T'], 'members'),
      node('Shape', ['places'], 'places.shape'),
      node('Concat', ['places.shape', 'rest'], 'grid', [int('axis', 0)]),
      ...['query', 'key', 'value'].flatMap(padded),
      node('Slice', ['starts', 'one', 'most'], 'ends'),
      node('Slice', ['starts', 'zero', 'rest'], 'begins'),
      node('Sub', ['ends', 'begins'], 'lengths'),
      node(
        'MultiHeadAttention',
        ['query.grid', 'key.grid', 'value.grid', '', 'lengths'],
        'attended',
        [
          passedOn('num_heads', AttributeProto_AttributeType.INT),
          passedOn('scale', AttributeProto_AttributeType.FLOAT),
        ],
        MICROSOFT,
      ),
      node('Slice', ['query.shape', 'one', 'most'], 'channels'),
      node('Concat', ['rest', 'channels'], 'rows', [int('axis', 0)]),
      node('Reshape', ['attended', 'rows'], 'laidOut'),
      node('Slice', ['flat', 'zero', 'T'], 'real'),
      node('Gather', ['laidOut', 'real'], 'out'),
    ],
  };
}

type Node = MessageInitShape<typeof NodeProtoSchema>;
type Attribute = MessageInitShape<typeof AttributeProtoSchema>;

function node(opType: string, input: string[], output: string, attribute: Attribute[] = [], domain = ''): Node {
  return { opType, input, output: [output], attribute, domain };
}

function int(name: string, value: number): Attribute {
  return { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) };
}

/** An attribute of the node that stands for the function. */
function passedOn(name: string, type: AttributeProto_AttributeType): Attribute {
  return { name, refAttrName: name, type };
}

/** int64; a scalar 0 where no values are given. */
function constant(name: string, values: number[]): Node {
  const dims = values.length === 0 ? [] : [BigInt(values.length)];
  const data = values.length === 0 ? [0n] : values.map(BigInt);
  const t = { dataType: TensorProto_DataType.INT64, dims, int64Data: data };
  return node('Constant', [], name, [{ name: 'value', type: AttributeProto_AttributeType.TENSOR, t }]);
}
