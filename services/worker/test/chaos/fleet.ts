/** Worker processes that are started, killed and replaced, and everything they said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { nodeFlagsFor } from '@espalier/contracts';
import type { ChaosLine, ChaosOptions } from './process.ts';

export interface Said {
  readonly worker: number;
  readonly line: ChaosLine;
}

export interface FleetWorker {
  readonly number: number;
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
}

export class Fleet {
  readonly said: Said[] = [];
  readonly workers: FleetWorker[] = [];
  readonly #options: ChaosOptions;
  #count = 0;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  start(more: Partial<ChaosOptions> = {}): FleetWorker {
    const script = new URL('./process.ts', import.meta.url);
    const argument = JSON.stringify({ ...this.#options, ...more });
    this.#count += 1;
    const number = this.#count;
    const child = spawn(process.execPath, ['--expose-gc', ...nodeFlagsFor(script), script.pathname, argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, AWS_REGION: 'us-east-1', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    });
    const ready = new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`worker ${number} ended before it was ready`)));
      createInterface({ input: child.stdout }).on('line', (text) => {
        const line = JSON.parse(text) as ChaosLine;
        this.said.push({ worker: number, line });
        if (line.type === 'ready') resolve();
      });
    });
    ready.catch(() => {}); // killed before it was
    const worker = { number, child, ready };
    this.workers.push(worker);
    return worker;
  }

  alive(): FleetWorker[] {
    return this.workers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await Promise.all(
      this.alive().map(({ child }) => {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill(signal);
        return ended;
      }),
    );
  }

  steps(): Extract<ChaosLine, { type: 'step' }>[] {
    return this.said.flatMap(({ line }) => (line.type === 'step' ? [line] : []));
  }
}
