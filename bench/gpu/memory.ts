/** Memory in use on the card, as `nvidia-smi` tells it: of all processes on it, in MB. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';

const QUERY = ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '-i', process.env.GPU ?? '0'];

/** Undefined where there is no `nvidia-smi`. */
export function memoryInUse(): number | undefined {
  try {
    return Number(execFileSync('nvidia-smi', QUERY, { encoding: 'utf8' }));
  } catch {
    return undefined;
  }
}

/** Looks fifty times a second until it is stopped. A process of its own looks: `run` blocks this one's event loop. */
export class MemoryWatch {
  readonly #child: ChildProcess;
  #text = '';

  constructor() {
    this.#child = spawn('nvidia-smi', [...QUERY, '-lms', '20'], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.on('error', () => undefined);
    this.#child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      this.#text += part;
    });
  }

  /** @returns the most that was seen, in MB; undefined when nothing was. */
  async stop(): Promise<number | undefined> {
    // What was printed while a run blocked the event loop waits in the pipe.
    await new Promise((resolve) => setTimeout(resolve, 100));
    this.#child.kill();
    const seen = this.#text
      .split('\n')
      .map(Number)
      .filter((value) => value > 0);
    return seen.length === 0 ? undefined : Math.max(...seen);
  }
}
