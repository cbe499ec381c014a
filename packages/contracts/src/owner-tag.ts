/** Who holds a lock, a claim or a temporary file, in a form that another process can check for life. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** `<machine>-<pid>-<start>-<nonce>`: safe in file names; the nonce makes each one unique. */
export type OwnerTag = string;

const MACHINE = createHash('sha256').update(machineIdentity()).digest('hex').slice(0, 12);
const START = statOf(process.pid)?.start ?? '0';

export function newOwnerTag(): OwnerTag {
  return `${MACHINE}-${process.pid}-${START}-${randomBytes(8).toString('hex')}`;
}

/**
 * Whether the process behind a tag still runs.
 *
 * @returns `'unknown'` for other machines, containers with processes of their own, and unreadable tags
 */
export function ownerLife(tag: OwnerTag): 'alive' | 'dead' | 'unknown' {
  const [machine, pid, start] = tag.split('-');
  if (machine !== MACHINE || !/^\d+$/.test(pid ?? '')) return 'unknown';
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    // EPERM: somebody else's process, but a living one.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead';
  }
  const now = statOf(Number(pid));
  if (now === undefined) return 'alive'; // the system does not tell more
  // Killed, and not yet buried by its parent; or the number was given to a new process since.
  return now.state === 'Z' || (start !== '0' && now.start !== start) ? 'dead' : 'alive';
}

interface ProcessStat {
  /** One letter, `Z` for a zombie. */
  readonly state: string;
  /** Ticks since boot at which the process started. */
  readonly start: string;
}

/** Absent where the system does not tell. */
function statOf(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything: the state follows it, the start is
    // the 22nd.
    const [state = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, start: rest[18] ?? '0' };
  } catch {
    return undefined;
  }
}

/** Two processes with the same identity see each other's process numbers. */
function machineIdentity(): string {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      return '';
    }
  };
  // The start of process 1 tells containers of one machine apart that were given the same host name.
  return [hostname(), read('/proc/sys/kernel/random/boot_id'), statOf(1)?.start ?? ''].join('\n');
}
