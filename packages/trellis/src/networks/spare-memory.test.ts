import { MessageChannel } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { SpareMemory } from './spare-memory.ts';

/** What was written into memory shows where it comes from: a buffer that was moved is another object. */
const marked = (values: Float32Array, mark: number) => values.fill(mark);

it('gives what was given back to whoever takes next, and to nobody else', () => {
  const spare = new SpareMemory();
  const first = marked(spare.take(8), 7);
  const held = marked(spare.take(8), 3);
  spare.giveBack(first);
  const second = spare.take(6);
  expect([...second]).toEqual(Array(6).fill(7));
  expect([second.byteOffset, second.buffer.byteLength]).toEqual([0, 32]);
  expect([...spare.take(8)]).toEqual(Array(8).fill(0));
  expect([...held]).toEqual(Array(8).fill(3));
});

it('empties what is given back, which can be given back but once', () => {
  const spare = new SpareMemory();
  const values = marked(spare.take(4), 5);
  const other = values.subarray(1);
  spare.giveBack(values);
  expect([values.length, other.length]).toEqual([0, 0]);
  const again = spare.take(4);
  spare.giveBack(values);
  expect([...again]).toEqual([5, 5, 5, 5]);
  expect([...spare.take(4)]).toEqual([0, 0, 0, 0]);
});

it('holds one buffer, the larger', () => {
  const spare = new SpareMemory();
  const [small, large] = [marked(spare.take(4), 1), marked(spare.take(8), 2)];
  spare.giveBack(large);
  spare.giveBack(small);
  expect([...spare.take(4)]).toEqual([2, 2, 2, 2]);
  expect([...spare.take(4)]).toEqual([0, 0, 0, 0]);
  spare.giveBack(new Float32Array(4).fill(6));
  expect([...spare.take(5)]).toEqual([0, 0, 0, 0, 0]);
  // What was too small went when more was asked for.
  expect([...spare.take(4)]).toEqual([0, 0, 0, 0]);
});

it('takes memory back that was sent to another thread and came home', async () => {
  const spare = new SpareMemory();
  const values = marked(spare.take(8).subarray(0, 6), 9);
  const { port1, port2 } = new MessageChannel();
  const home = new Promise<Float32Array>((resolve) => port2.once('message', resolve));
  port1.postMessage(values, [values.buffer as ArrayBuffer]);
  spare.giveBack(await home);
  expect([...spare.take(8)]).toEqual([9, 9, 9, 9, 9, 9, 0, 0]);
  port1.close();
});
