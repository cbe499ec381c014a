import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runParity } from './run-parity.ts';

const folder = fileURLToPath(new URL('../../../../models/starter/parity', import.meta.url));

describe('the bundled model', () => {
  // Fails when the weights were replaced without `make_cases.py`: see models/starter/training/README.md.
  it('gives what the PyTorch modules give that it was trained with', { timeout: 120_000 }, async () => {
    const rows = await runParity(folder, { device: 'cpu', threads: 2 });
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    const cases = ['gs_decoder', 'mesh_decoder', 'slat_flow', 'ss_flow', 'ss_sample', 'text_encoder'];
    expect([...new Set(rows.map((row) => row.case))]).toEqual(cases);
    expect(rows).toHaveLength(55);
  });
});
