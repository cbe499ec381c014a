import { appendFile, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeSafetensors, float32, floatToBfloat16, floatToHalf, type Tensor } from '@espalier/tensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Checkpoint } from './checkpoint.ts';
import { GraphBuilder } from './graph/graph-builder.ts';
import { openSession } from './session/session.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
async function file(tensors: Record<string, Tensor>, path = join(folder, `${count++}.safetensors`)): Promise<string> {
  await writeFile(path, encodeSafetensors(tensors));
  return path;
}

const values = Float32Array.of(1, -2, 0.5, 4, 5, 6);
const matrix = float32([3, 2], values);

/** `x @ w^T + b` of the checkpoint's layer `key`. */
async function linear(checkpoint: Checkpoint, key: string, computeType: 'float32' | 'float16' = 'float32') {
  const g = new GraphBuilder({ name: 'linear', checkpoint, computeType });
  const x = g.cast(g.input('x', 'float32', ['N', 2]), computeType);
  g.output('y', g.cast(g.linear(x, key, 3), 'float32'));
  const session = await openSession(g.build(), { device: 'cpu', threads: 1 });
  const { y } = await session.run({ x: float32([1, 2], Float32Array.of(1, 10)) });
  await session.release();
  return Array.from(y?.data ?? [], Number);
}

const expected = [-19 + 1, 40.5 + 2, 65 + 3];
const bias = float32([3], Float32Array.of(1, 2, 3));

describe('weights in place', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('reads %s as float32', async (dtype) => {
    const narrow = { F32: matrix.data, F16: floatToHalf(values), BF16: floatToBfloat16(values) }[dtype];
    const checkpoint = await Checkpoint.open(
      await file({ 'a.weight': { dtype, shape: [3, 2], data: narrow }, 'a.bias': bias }),
    );
    expect(await linear(checkpoint, 'a')).toEqual(expected);
    checkpoint.assertAllTaken();
    await checkpoint.close();
  });

  it('computes in float16 where asked', async () => {
    const checkpoint = await Checkpoint.open(await file({ 'a.weight': matrix, 'a.bias': bias }));
    expect(await linear(checkpoint, 'a', 'float16')).toEqual(expected);
    await checkpoint.close();
  });

  it('finds tensors at odd addresses', async () => {
    const odd = { dtype: 'U8', shape: [1], data: Uint8Array.of(1) } as const;
    const bytes = encodeSafetensors({ 'a.bias': bias, 'a.weight': matrix, odd });
    // The same file with the single byte in front of the floats: each starts at an odd address.
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    for (const key of ['a.bias', 'a.weight'])
      header[key].data_offsets = header[key].data_offsets.map((n: number) => n + 1);
    header.odd.data_offsets = [0, 1];
    const json = new TextEncoder().encode(JSON.stringify(header).padEnd(length));
    const moved = Uint8Array.from([...bytes.subarray(0, 8), ...json, 1, ...bytes.subarray(8 + length, -1)]);
    const path = join(folder, 'odd.safetensors');
    await writeFile(path, moved);
    const checkpoint = await Checkpoint.open(path);
    expect((checkpoint.peek('a.weight')?.offset ?? 0) % 2).toBe(1);
    expect(await linear(checkpoint, 'a')).toEqual(expected);
    await checkpoint.close();
  });

  it('takes weights from files in several folders, behind links', async () => {
    await mkdir(join(folder, 'blobs'));
    await mkdir(join(folder, 'other'));
    await mkdir(join(folder, 'snapshot'));
    await file({ 'a.weight': matrix }, join(folder, 'blobs', 'abc'));
    await symlink('../blobs/abc', join(folder, 'snapshot', 'model.safetensors'));
    const second = await file({ 'a.bias': bias }, join(folder, 'other', 'b.safetensors'));
    const checkpoint = await Checkpoint.open(join(folder, 'snapshot', 'model.safetensors'), second);
    expect(await linear(checkpoint, 'a')).toEqual(expected);
    await checkpoint.close();
    await expect(Checkpoint.open(second, second)).rejects.toMatchObject({
      code: 'CHECKPOINT_MISMATCH',
      field: 'a.bias',
    });
  });

  it('sees rows and other shapes of a stored tensor', async () => {
    const checkpoint = await Checkpoint.open(await file({ w: matrix }));
    const g = new GraphBuilder({ name: 'parts', checkpoint });
    g.output('rows', g.weight('w', [3, 2], { rows: [1, 3] }));
    g.output('flat', g.weight('w', [3, 2], { as: [6] }));
    g.output('both', g.weight('w', [3, 2], { rows: [1, 2], as: [2, 1] }));
    expect(() => g.weight('w', [3, 2], { rows: [2, 4] })).toThrow(/'w'.*rows 2 to 4/);
    expect(() => g.weight('w', [3, 2], { as: [5] })).toThrow(/'w'.*\[5\]/);
    const session = await openSession(g.build(), { device: 'cpu', threads: 1 });
    const { rows, flat, both } = await session.run({});
    expect([rows?.shape, ...(rows?.data ?? [])]).toEqual([[2, 2], 0.5, 4, 5, 6]);
    expect([flat?.shape, ...(flat?.data ?? [])]).toEqual([[6], ...values]);
    expect([both?.shape, ...(both?.data ?? [])]).toEqual([[2, 1], 0.5, 4]);
    await session.release();
    await checkpoint.close();
  });
});

describe('weights that do not fit are named', () => {
  it('missing, of another shape, unused', async () => {
    const path = await file({ 'a.weight': matrix, 'a.bias': bias, 'b.extra': bias, c: bias });
    const checkpoint = await Checkpoint.open(path);
    const g = new GraphBuilder({ name: 'net', checkpoint });
    const fails = (make: () => unknown, field: string, message: RegExp) => {
      expect(make).toThrow(
        expect.objectContaining({ code: 'CHECKPOINT_MISMATCH', field, message: expect.stringMatching(message) }),
      );
    };
    fails(() => g.weight('d.weight', [1]), 'd.weight', /'d.weight' is missing.*safetensors/);
    fails(() => g.weight('toString', [1]), 'toString', /'toString' is missing/);
    fails(() => g.weight('a.weight', [2, 3]), 'a.weight', /'a.weight' has shape \[3,2\].*\[2,3\]/);
    fails(() => g.weight('a.weight', [6]), 'a.weight', /\[6\]/);
    g.weight('a.weight', [3, 2]);
    checkpoint.ignore('c');
    checkpoint.ignore('absent');
    fails(() => checkpoint.assertAllTaken(), 'a.bias', /a\.bias, b\.extra$/);
    await checkpoint.close();
  });

  it('reads a weight for the host, and counts it as taken', async () => {
    const checkpoint = await Checkpoint.open(
      await file({ w: { dtype: 'F16', shape: [3, 2], data: floatToHalf(values) } }),
    );
    expect(await checkpoint.readFloat32('w', [3, 2])).toEqual(matrix);
    checkpoint.assertAllTaken();
    await expect(checkpoint.readFloat32('w', [2])).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' });
    await checkpoint.close();
  });

  it('a file that is cut off behind its header fails when the session opens', async () => {
    const path = await file({ w: float32([4096], new Float32Array(4096).fill(1)) });
    const checkpoint = await Checkpoint.open(path);
    const g = new GraphBuilder({ name: 'cut', checkpoint });
    g.output('y', g.add(g.input('x', 'float32', [1]), g.weight('w', [4096])));
    await truncate(path, 1000);
    await expect(openSession(g.build(), { device: 'cpu' })).rejects.toMatchObject({ code: 'SESSION_FAILED' });
    await checkpoint.close();
  });

  it('closes what it opened when a later file fails', async () => {
    const good = await file({ w: matrix });
    await appendFile(good, '');
    await expect(Checkpoint.open(good, join(folder, 'absent'))).rejects.toMatchObject({
      code: 'SAFETENSORS_NOT_FOUND',
    });
    expect((await readFile(good)).length).toBeGreaterThan(0);
  });
});
