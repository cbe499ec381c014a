import { mkdtemp, open, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float32, int32, type Tensor } from '../tensor.ts';
import { decodeSafetensors, encodeSafetensors } from './codec.ts';
import { SafetensorsFile } from './file.ts';
import { writeSafetensors } from './write.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

const tensors: Record<string, Tensor> = {
  scalar: float32([], Float32Array.of(3.5)),
  empty: { dtype: 'F16', shape: [0, 4], data: new Uint16Array() },
  half: { dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0x4000, 0xc200) },
  brain: { dtype: 'BF16', shape: [1], data: Uint16Array.of(0x3f80) },
  ints: int32([2, 2], Int32Array.of(1, -2, 3, -4)),
  long: { dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 60n)) },
  double: { dtype: 'F64', shape: [1], data: Float64Array.of(Math.PI) },
  'bytes "quoted" ü': { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) },
  flag: { dtype: 'BOOL', shape: [1], data: Uint8Array.of(1) },
};

describe('safetensors', () => {
  it('writes a file whose tensors read back one by one', async () => {
    const path = join(folder, 'all.safetensors');
    await writeSafetensors(path, tensors, { note: 'n"1', about: 'ä' });
    expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors(tensors, { about: 'ä', note: 'n"1' }));
    const file = await SafetensorsFile.open(path);
    expect(file.metadata).toEqual({ about: 'ä', note: 'n"1' });
    expect([...file.entries.keys()].sort()).toEqual(Object.keys(tensors).sort());
    for (const [key, tensor] of Object.entries(tensors)) {
      expect(await file.read(key)).toEqual(tensor);
      expect(file.entries.get(key)?.offset).toSatisfy((offset: number) => offset % tensor.data.BYTES_PER_ELEMENT === 0);
    }
    expect([...(await file.readFloat32('half')).data]).toEqual([1, 2, -3]);
    expect([...(await file.readFloat32('brain')).data]).toEqual([1]);
    await expect(file.readFloat32('ints')).rejects.toThrow(/ints.*I32/);
    await expect(file.read('toString')).rejects.toMatchObject({ code: 'SAFETENSORS_KEY_MISSING', field: 'toString' });
    await file.close();
  });

  it('gives the same bytes for the same tensors in any order', () => {
    const reversed = new Map(Object.entries(tensors).reverse());
    expect(encodeSafetensors(reversed)).toEqual(encodeSafetensors(tensors));
  });

  it('decodes from bytes at an odd address', () => {
    const bytes = encodeSafetensors(tensors);
    const shifted = new Uint8Array(bytes.byteLength + 1);
    shifted.set(bytes, 1);
    expect(Object.fromEntries(decodeSafetensors(shifted.subarray(1), 'odd').tensors)).toEqual(tensors);
  });

  it('resolves links, as in a Hugging Face cache', async () => {
    await writeSafetensors(join(folder, 'blob'), { w: float32([1], Float32Array.of(1)) });
    await symlink(join(folder, 'blob'), join(folder, 'link.safetensors'));
    const file = await SafetensorsFile.open(join(folder, 'link.safetensors'));
    expect(file.path).toBe(join(folder, 'blob'));
    await file.close();
  });

  it('reads a tensor beyond 4 GiB of a sparse file without reading the rest', async () => {
    const path = join(folder, 'huge.safetensors');
    const giant = 5 * 2 ** 30;
    const json = new TextEncoder().encode(
      JSON.stringify({
        filler: { dtype: 'U8', shape: [giant], data_offsets: [0, giant] },
        last: { dtype: 'F32', shape: [2], data_offsets: [giant, giant + 8] },
      }),
    );
    const handle = await open(path, 'w');
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(json.byteLength), true);
    await handle.writeFile(length);
    await handle.writeFile(json);
    await handle.write(new Uint8Array(Float32Array.of(1.5, -2.5).buffer), 0, 8, 8 + json.byteLength + giant);
    await handle.close();
    const before = process.memoryUsage();
    const file = await SafetensorsFile.open(path);
    expect([...(await file.readFloat32('last')).data]).toEqual([1.5, -2.5]);
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(2 ** 20);
    await file.close();
  });
});

describe('writing by stream', () => {
  it('takes the bytes chunk by chunk', async () => {
    const path = join(folder, 'streamed.safetensors');
    await writeSafetensors(path, {
      w: {
        dtype: 'F32',
        shape: [4],
        *chunks() {
          yield new Uint8Array(Float32Array.of(1, 2).buffer);
          yield new Uint8Array(Float32Array.of(3, 4).buffer);
        },
      },
    });
    expect(new Uint8Array(await readFile(path))).toEqual(
      encodeSafetensors({ w: float32([4], Float32Array.of(1, 2, 3, 4)) }),
    );
  });

  it('leaves nothing behind when a source gives the wrong number of bytes or fails', async () => {
    const path = join(folder, 'never.safetensors');
    const source = (chunks: () => Iterable<Uint8Array>) => ({ w: { dtype: 'F32', shape: [4], chunks } }) as const;
    await expect(
      writeSafetensors(
        path,
        source(() => [new Uint8Array(12)]),
      ),
    ).rejects.toMatchObject({
      code: 'TENSOR_INVALID',
      field: 'w',
    });
    const failing = source(() => {
      throw new Error('source failed');
    });
    await expect(writeSafetensors(path, failing)).rejects.toThrow('source failed');
    expect((await readdir(folder)).filter((name) => name.startsWith('never'))).toEqual([]);
    await expect(stat(path)).rejects.toThrow();
  });

  it('refuses values that do not fit, and the reserved key', () => {
    expect(() => encodeSafetensors({ w: float32([3], new Float32Array(2)) })).toThrow(/'w'.*needs 3 elements/);
    expect(() => encodeSafetensors({ w: { dtype: 'F16', shape: [1], data: new Float32Array(1) } })).toThrow(
      /Uint16Array/,
    );
    expect(() => encodeSafetensors({ __metadata__: float32([], new Float32Array(1)) })).toThrow(/reserved/);
    expect(() => encodeSafetensors({ w: float32([-1], new Float32Array(1)) })).toThrow(/not a shape/);
  });
});
