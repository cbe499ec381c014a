/** The deployment's scaling rules, `infra/lib/gpu/gpu-scaling.ts` and `infra/lib/cpu/worker-service.ts`, minute by minute. */

export interface Seen {
  readonly waiting: number;
  readonly inWork: number;
  /** Seconds that the oldest waiting message is old. */
  readonly oldest: number;
  readonly machines: number;
  readonly coming: number;
}

/** Gives how many machines to add (positive) or to remove, once a minute. */
export type Rule = (seen: Seen) => number;

export interface GpuRuleOptions {
  readonly backlogPerMachine: number;
  readonly oldestSeconds: number;
  readonly idleMinutes: number;
}

export function gpuRule({ backlogPerMachine, oldestSeconds, idleMinutes }: GpuRuleOptions): Rule {
  const isIdle = idleFor(idleMinutes);
  return ({ waiting, inWork, oldest, machines, coming }) => {
    const there = machines + coming;
    const idle = isIdle(waiting + inWork - machines);
    const tracked = there === 0 ? 0 : Math.ceil(waiting / backlogPerMachine) - there;
    const multiples = waiting > 0 ? (there < 1 ? 1 : Math.floor(oldest / oldestSeconds) * 2) : 0;
    const stepped = multiples >= 4 ? 8 : multiples >= 2 ? 2 : multiples >= 1 ? 1 : 0;
    const out = Math.max(tracked, stepped);
    if (out > 0) return out;
    return idle <= -50 ? -50 : idle <= -10 ? -10 : idle <= -1 ? -1 : 0;
  };
}

export function taskRule(jobsAtOnce: number, idleMinutes: number): Rule {
  const isIdle = idleFor(idleMinutes);
  let cooling = 0;
  return ({ waiting, inWork, machines }) => {
    const idle = isIdle(waiting + inWork - machines * jobsAtOnce);
    cooling -= 1;
    const out = waiting >= 16 * jobsAtOnce ? 16 : waiting >= 4 * jobsAtOnce ? 4 : waiting >= 1 ? 1 : 0;
    if (out > 0 && cooling <= 0) {
      cooling = 2;
      return out;
    }
    return idle <= -10 * jobsAtOnce ? -10 : idle <= -jobsAtOnce ? -1 : 0;
  };
}

/** The value when it has been negative for so many minutes on end, the one nearest to zero; else 0. */
function idleFor(minutes: number): (value: number) => number {
  const last: number[] = [];
  return (value) => {
    last.push(value);
    if (last.length > minutes) last.shift();
    return last.length < minutes ? 0 : Math.min(0, Math.max(...last));
  };
}
