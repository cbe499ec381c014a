import { GraphBuilder } from '@espalier/onnx';
import { expect, it } from 'vitest';
import { randomVoxels } from '../../../test/support/random-voxels.ts';
import { windowGroups } from '../../sparse/index.ts';
import { feedPartition, partitionedAttention, partitionInputs } from './partitioned-attention.ts';

it('is fed in the form that the device reads, and in that alone', () => {
  const g = new GraphBuilder({ name: 'attention' });
  const x = g.input('x', 'float32', ['N', 8]);
  g.output('y', partitionedAttention(g, partitionInputs(g, 'windows', 4), 2)(x, x, x));
  const graph = g.build();
  const groups = windowGroups(randomVoxels(90, 12, 6), 4, 2);
  for (const target of ['cpu', 'cuda'] as const) {
    const inputs = graph.inputsFor(target);
    const feeds = feedPartition({ inputs }, 'windows', groups, 4);
    expect(['x', ...Object.keys(feeds)].sort()).toEqual([...inputs.keys()].sort());
    expect(Object.keys(feeds).some((name) => name.includes('packed'))).toBe(target === 'cuda');
  }
});
