/** `espalier parity`: recorded cases through the networks, one row per tensor. */
import { type ParityRow, runParity } from '@espalier/trellis';
import { fromCwd, openLogger, type PlaceOptions, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { table } from '../progress/format.ts';

export interface ParityCommandOptions extends Pick<PlaceOptions, 'device'> {
  readonly json?: boolean;
}

export async function parity(io: CliIo, folder: string, options: ParityCommandOptions): Promise<ExitCode> {
  const settings = readSettings(io, options);
  const logger = await openLogger(settings, 'silent');
  let cases = 0;
  let current = '';
  const rows = await runParity(fromCwd(io, folder), {
    device: settings.device,
    logger,
    ...(settings.threads !== undefined && { threads: settings.threads }),
    onRow: (row) => {
      if (row.case === current) return;
      current = row.case;
      cases += 1;
      if (io.interactive) io.err(`\r\u001b[2K${row.case}`);
    },
  });
  if (io.interactive) io.err('\r\u001b[2K');
  const failed = rows.filter(({ ok }) => !ok).length;
  if (options.json === true) {
    io.out(`${JSON.stringify({ ok: failed === 0, cases, tensors: rows.length, failed, rows }, jsonNumber, 2)}\n`);
  } else {
    const head = ['case', 'tensor', 'shape', 'max abs', 'max rel', 'allowed', ''];
    io.out(table([head, ...rows.map(cells)], [3, 4, 5]));
    io.out(`${rows.length - failed} of ${rows.length} tensors in ${cases} cases agree\n`);
  }
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

function cells(row: ParityRow): string[] {
  const { shape, maxAbs, maxRel, allowed, ok, note } = row;
  const figures = [maxAbs, maxRel, allowed].map((value) => (value === 0 ? '0' : value.toExponential(2)));
  return [row.case, row.key, shape.join('x') || 'scalar', ...figures, ok ? 'ok' : `FAIL${note ? ` (${note})` : ''}`];
}

/** JSON has no infinity: a tensor that cannot be compared has no difference to show. */
function jsonNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}
