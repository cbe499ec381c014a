/** What a benchmark gives back, and how it is printed. */

export interface Goal {
  readonly name: string;
  readonly value: number;
  /** The goal is met when `value` is at most this (`at-most`, the default) or at least this. */
  readonly limit: number;
  readonly sense?: 'at-most' | 'at-least';
}

export interface BenchReport {
  /** Rows of the table; all have the same keys. */
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  /** What is worth keeping from this run, as one JSON object. */
  readonly figures: Readonly<Record<string, unknown>>;
  readonly goals: readonly Goal[];
}

/** A benchmark's `index.ts` exports this as `run`. */
export type Bench = (args: readonly string[]) => Promise<BenchReport>;

export function isMet({ value, limit, sense = 'at-most' }: Goal): boolean {
  return sense === 'at-most' ? value <= limit : value >= limit;
}

/** Plain text table, columns as wide as their longest cell. */
export function formatTable(rows: BenchReport['rows']): string {
  const first = rows[0];
  if (first === undefined) return '';
  const columns = Object.keys(first);
  const cells = [columns, ...rows.map((row) => columns.map((column) => formatCell(row[column] ?? '')))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => (line[i] ?? '').length)));
  const lines = cells.map((line) => line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return lines.join('\n');
}

function formatCell(value: string | number): string {
  if (typeof value === 'string' || Number.isInteger(value)) return String(value);
  return value.toPrecision(4);
}
