import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { writeSafetensors } from '@espalier/tensors';
import { ModelProtoSchema } from 'onnx-buf';
import { expect, it } from 'vitest';
import { Checkpoint } from '../checkpoint.ts';
import { GraphBuilder } from './graph-builder.ts';

it('declares the widening of mapped weights in front of everything else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'model-proto-'));
  try {
    const path = join(folder, 'two.safetensors');
    const half = (count: number) => new Uint16Array(count).fill(0x3c00);
    await writeSafetensors(path, {
      'a.weight': { dtype: 'F16', shape: [3, 2], data: half(6) },
      'a.bias': { dtype: 'F16', shape: [3], data: half(3) },
      'b.weight': { dtype: 'F16', shape: [2, 3], data: half(6) },
      'b.bias': { dtype: 'F16', shape: [2], data: half(2) },
    });
    const checkpoint = await Checkpoint.open(path);
    const g = new GraphBuilder({ name: 'two layers', checkpoint });
    g.output('y', g.linear(g.silu(g.linear(g.input('x', 'float32', ['N', 2]), 'a', 3)), 'b', 2));
    const graph = g.build();
    await checkpoint.close();

    const operators = (role: 'mapped' | 'constant') =>
      (fromBinary(ModelProtoSchema, graph.encode(role, 'cpu')).graph?.node ?? []).map(({ opType }) => opType);
    expect(operators('mapped').slice(0, 4)).toEqual(['Cast', 'Cast', 'Cast', 'Cast']);
    expect(operators('mapped').slice(4)).not.toContain('Cast');
    expect(operators('mapped').toSorted()).toEqual(operators('constant').toSorted());
    expect(operators('constant').indexOf('Gemm')).toBeLessThan(operators('constant').lastIndexOf('Cast'));
  } finally {
    await rm(folder, { recursive: true });
  }
});
