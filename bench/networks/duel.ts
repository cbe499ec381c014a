/** Two processes that take turns, so that what else the machine does disturbs both alike. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Fighter {
  /** First line the process gave: when it was ready. */
  readonly opened: number;
  /** Resident megabytes before weights were touched: runtime and libraries. */
  readonly baseline: number;
  readonly runs: readonly { readonly seconds: number; readonly cpu: number }[];
  /** Largest resident megabytes. */
  readonly peak: number;
  /** Largest difference to the expected output over its largest value; only ours tells. */
  readonly error?: number;
}

class Player {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('no output to read');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async answer<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#child.spawnargs.join(' ')} ended early`);
    return JSON.parse(value) as T;
  }

  ask<T>(line: string): Promise<T> {
    this.#child.stdin?.write(`${line}\n`);
    return this.answer<T>();
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }
}

/** One warm-up each, then `rounds` runs in turns. */
export async function duel(commands: readonly (readonly [string, ...string[]])[], rounds: number): Promise<Fighter[]> {
  const players: { player: Player; ready: Pick<Fighter, 'opened' | 'baseline'>; runs: Fighter['runs'][number][] }[] =
    [];
  for (const [command, ...args] of commands) {
    const player = new Player(command, args);
    players.push({ player, ready: await player.answer(), runs: [] });
  }
  for (const { player } of players) await player.ask('run');
  for (let round = 0; round < rounds; round++) {
    for (const { player, runs } of players) runs.push(await player.ask('run'));
  }
  const fighters: Fighter[] = [];
  for (const { player, ready, runs } of players) {
    fighters.push({ ...ready, runs, ...(await player.ask<{ peak: number; error?: number }>('peak')) });
    await player.end();
  }
  return fighters;
}
