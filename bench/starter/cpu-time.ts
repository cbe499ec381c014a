/**
 * Processor time from Linux' /proc: what other programs on the machine take shows in wall time, not here. Elsewhere
 * undefined.
 */
import { readFileSync } from 'node:fs';

/** Ticks a second of these counters, `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICKS = 100;
/** Fields of proc(5)'s stat, counted behind the command's closing parenthesis. */
const OWN = [11, 12] as const;
const CHILDREN = [13, 14] as const;

function seconds(pid: number | 'self', [user, system]: readonly [number, number]): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[user]) + Number(fields[system])) / TICKS;
  } catch {
    return undefined;
  }
}

/** Of this process and another that runs. */
export function cpuSecondsWith(pid: number | undefined): number | undefined {
  const own = seconds('self', OWN);
  const other = pid === undefined ? 0 : seconds(pid, OWN);
  return own === undefined || other === undefined ? undefined : own + other;
}

/** Of all children that have ended, and theirs. */
export function cpuSecondsOfEnded(): number | undefined {
  return seconds('self', CHILDREN);
}
