/** Machines that take jobs from a queue, come and go by a scaling rule, and are killed by chance. */
import type { Agenda } from './agenda.ts';
import type { Chance } from './random.ts';
import type { Rule } from './scaling.ts';

export interface Work {
  /** Seconds that are left to do. */
  remaining: number;
  /** When it came to this queue. */
  queuedAt: number;
}

export interface FleetOptions<W extends Work> {
  readonly agenda: Agenda;
  readonly chance: Chance;
  readonly coldSeconds: number;
  readonly most: number;
  /** Jobs that one machine works on at once. */
  readonly width: number;
  readonly killsPerHour: number;
  /** Of kills: those with a notice. */
  readonly noticed: number;
  readonly rule: Rule;
  readonly metricDelaySeconds: number;
  /** Seconds of `elapsed` that need not be done again. */
  readonly saved: (elapsed: number, told: boolean) => number;
  /** Until a job whose machine is gone shows in the queue again. */
  readonly returnSeconds: (told: boolean) => number;
  readonly onDone: (work: W) => void;
}

interface Machine<W> {
  readonly jobs: Map<W, { readonly began: number; cancelled: boolean }>;
  readonly since: number;
  alive: boolean;
}

export class Fleet<W extends Work> {
  readonly #options: FleetOptions<W>;
  readonly #queue: W[] = [];
  #head = 0;
  #coming = 0;
  readonly #machines = new Set<Machine<W>>();
  #inWork = 0;
  /** Machine-seconds that were paid for, seconds of work, and those of them that were done again. */
  paid = 0;
  busy = 0;
  wasted = 0;
  most = 0;

  constructor(options: FleetOptions<W>) {
    this.#options = options;
  }

  add(work: W): void {
    work.queuedAt = this.#options.agenda.now;
    this.#queue.push(work);
    this.#assign();
  }

  /** Called once a minute: what is seen now takes effect when the metric has arrived. */
  look(): void {
    const { agenda, rule, metricDelaySeconds } = this.#options;
    const oldest = this.#queue[this.#head];
    const seen = {
      waiting: this.#queue.length - this.#head,
      inWork: this.#inWork,
      oldest: oldest === undefined ? 0 : agenda.now - oldest.queuedAt,
      machines: this.#machines.size,
      coming: this.#coming,
    };
    agenda.in(metricDelaySeconds, () => {
      const change = rule({ ...seen, machines: this.#machines.size, coming: this.#coming });
      for (let add = 0; add < change; add += 1) this.#launch();
      for (let remove = 0; remove < -change; remove += 1) this.#removeOne();
    });
  }

  /** Ends the account. */
  close(): void {
    for (const machine of this.#machines) this.paid += this.#options.agenda.now - machine.since;
  }

  #launch(): void {
    const { agenda, coldSeconds, most, killsPerHour, chance } = this.#options;
    if (this.#machines.size + this.#coming >= most) return;
    this.#coming += 1;
    const since = agenda.now;
    agenda.in(coldSeconds, () => {
      this.#coming -= 1;
      const machine: Machine<W> = { jobs: new Map(), since, alive: true };
      this.#machines.add(machine);
      this.most = Math.max(this.most, this.#machines.size);
      if (killsPerHour > 0) {
        agenda.in(chance.exponential(3600 / killsPerHour), () => {
          if (machine.alive) this.#end(machine, chance.uniform() < this.#options.noticed);
        });
      }
      this.#assign();
    });
  }

  /** Auto Scaling does not know who is busy. */
  #removeOne(): void {
    const all = [...this.#machines];
    const machine = all[Math.floor(this.#options.chance.uniform() * all.length)];
    if (machine !== undefined) this.#end(machine, true);
  }

  #end(machine: Machine<W>, told: boolean): void {
    const { agenda, saved, returnSeconds } = this.#options;
    machine.alive = false;
    this.#machines.delete(machine);
    this.paid += agenda.now - machine.since;
    for (const [work, run] of machine.jobs) {
      run.cancelled = true;
      const elapsed = agenda.now - run.began;
      const kept = Math.min(elapsed, saved(elapsed, told));
      this.busy += elapsed;
      this.wasted += elapsed - kept;
      work.remaining -= kept;
      agenda.in(returnSeconds(told), () => {
        // Hidden all the while, it counted as in work.
        this.#inWork -= 1;
        this.#queue.push(work);
        work.queuedAt = agenda.now;
        this.#assign();
      });
    }
  }

  #assign(): void {
    const { agenda, width, onDone } = this.#options;
    for (const machine of this.#machines) {
      while (machine.jobs.size < width) {
        const work = this.#queue[this.#head];
        if (work === undefined) return;
        this.#head += 1;
        if (this.#head > 10_000) {
          this.#queue.splice(0, this.#head);
          this.#head = 0;
        }
        const run = { began: agenda.now, cancelled: false };
        machine.jobs.set(work, run);
        this.#inWork += 1;
        agenda.in(work.remaining, () => {
          if (run.cancelled) return;
          machine.jobs.delete(work);
          this.#inWork -= 1;
          this.busy += agenda.now - run.began;
          onDone(work);
          this.#assign();
        });
      }
    }
  }
}
