import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeSafetensors, encodeSafetensors, type Tensor } from '@espalier/tensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeForCuda } from '../../test/support/cuda-form.ts';
import type { ParityRow } from './compare.ts';
import { runParity } from './run-parity.ts';

const goldens = fileURLToPath(new URL('../../test/goldens', import.meta.url));

describe('parity with TRELLIS', () => {
  it('holds for every tensor of every case', { timeout: 300_000 }, async () => {
    const seen: ParityRow[] = [];
    const rows = await runParity(goldens, { device: 'cpu', threads: 2, onRow: (row) => seen.push(row) });
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    expect(seen).toEqual(rows);
    const files = (await readdir(join(goldens, 'cases'))).map((name) => name.replace('.safetensors', ''));
    expect([...new Set(rows.map((row) => row.case))]).toEqual(files.sort());
    // The tensors that the README lists, less the inputs. Fewer rows would mean that something is no longer compared.
    expect(rows).toHaveLength(121);
  });

  it('holds for what is written for CUDA, run on the CPU', { timeout: 300_000 }, async () => {
    const end = writeForCuda();
    try {
      const rows = await runParity(goldens, { device: 'cpu', threads: 2 });
      expect(rows.filter(({ ok }) => !ok)).toEqual([]);
      expect(rows).toHaveLength(121);
    } finally {
      end();
    }
  });
});

describe('any folder of goldens', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parity-'));
    await mkdir(join(folder, 'cases'));
    await symlink(join(goldens, 'trellis-tiny'), join(folder, 'some model'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A case of the reference data under another name, changed. */
  async function variant(from: string, name: string, edit: (tensors: Map<string, Tensor>) => void): Promise<void> {
    const { tensors, metadata } = decodeSafetensors(
      await readFile(join(goldens, 'cases', `${from}.safetensors`)),
      from,
    );
    edit(tensors);
    await writeFile(join(folder, 'cases', `${name}.safetensors`), encodeSafetensors(tensors, metadata));
  }
  const run = (name: string) => runParity(folder, { device: 'cpu', threads: 1, only: (given) => given === name });
  const change = (key: string, by: number) => (tensors: Map<string, Tensor>) => {
    const data = tensors.get(key)?.data as Float32Array;
    data[7] = (data[7] as number) + by;
  };

  it('needs no table of tolerances', async () => {
    await variant('ss_flow', 'ss_flow_other', () => {});
    const rows = await run('ss_flow_other');
    expect(rows.length).toBe(7);
    expect(rows.every(({ ok }) => ok)).toBe(true);
    const out = rows.find(({ key }) => key === 'out');
    expect(out?.allowed).toBeCloseTo(3e-5 * 1.02, 6);
  });

  it('reads its table of tolerances where it has one', async () => {
    await cp(join(goldens, 'README.md'), join(folder, 'README.md'));
    await variant('ss_flow', 'ss_flow', () => {});
    const rows = await run('ss_flow');
    expect(rows.find(({ key }) => key === 'out')?.allowed).toBeCloseTo(1.6e-5, 12);
    await rm(join(folder, 'README.md'));
  });

  it.each([
    ['ss_flow', 'h_block1', 1e-4],
    ['ss_flow', 't_freq', 1e-5],
    ['flexicubes_torus64', 'vertices', 1e-3],
    ['flexicubes_torus64', 'faces', 1],
    ['randn', 'full42.b', 1e-5],
  ])('sees a change in %s: %s by %f', async (from, key, by) => {
    await variant(from, `${from}_changed`, change(key, by));
    const rows = await run(`${from}_changed`);
    expect(rows.filter(({ ok }) => !ok).map((row) => row.key)).toEqual([key]);
  });

  it('fails what is not a number, what has another shape, and what no network gives', async () => {
    await variant('flexicubes_torus64', 'flexicubes_bad', (tensors) => {
      change('vertices', Number.NaN)(tensors);
      const faces = tensors.get('faces') as Tensor;
      tensors.set('faces', {
        ...faces,
        shape: [faces.data.length / 3 + 1, 3],
        data: Int32Array.from([...(faces.data as Int32Array), 0, 1, 2]),
      });
      tensors.set('mystery', { dtype: 'F32', shape: [1], data: Float32Array.of(1) });
    });
    const failed = (await run('flexicubes_bad')).filter(({ ok }) => !ok);
    expect(failed.map(({ key, maxAbs, note }) => [key, maxAbs, note])).toEqual([
      ['vertices', Number.POSITIVE_INFINITY, undefined],
      ['faces', Number.POSITIVE_INFINITY, expect.stringContaining('computed')],
      ['mystery', Number.POSITIVE_INFINITY, expect.stringContaining('no such value')],
    ]);
  });

  it('says what is wrong with a folder or a case', async () => {
    await expect(runParity(join(folder, 'absent'), { device: 'cpu' })).rejects.toMatchObject({
      code: 'PARITY_FOLDER_INVALID',
    });
    const bare = join(folder, 'bare');
    await mkdir(join(bare, 'cases'), { recursive: true });
    await expect(runParity(bare, { device: 'cpu' })).rejects.toThrow(/no \.safetensors file/);
    await cp(join(goldens, 'cases/ss_flow.safetensors'), join(bare, 'cases/ss_flow.safetensors'));
    await expect(runParity(bare, { device: 'cpu' })).rejects.toThrow(/pipeline\.json/);
    await variant('randn', 'unheard_of', () => {});
    await expect(run('unheard_of')).rejects.toMatchObject({
      code: 'PARITY_CASE_INVALID',
      message: expect.stringContaining('randn*'),
    });
    await variant('flexicubes_torus64', 'flexicubes_lacking', (tensors) => tensors.delete('feats'));
    await expect(run('flexicubes_lacking')).rejects.toMatchObject({ code: 'SAFETENSORS_KEY_MISSING', field: 'feats' });
    await writeFile(join(folder, 'cases', 'ss_flow_cut.safetensors'), 'not a safetensors file');
    await expect(run('ss_flow_cut')).rejects.toMatchObject({ code: 'SAFETENSORS_INVALID' });
  });
});
