/** The real program in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../bin/espalier.mjs', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves once standard error matches; rejects when the process ends before. */
  saw(pattern: RegExp): Promise<void>;
  readonly ended: Promise<Ended>;
}

export function startEspalier(args: readonly string[], cwd: string, env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    // Nothing of the developer's own settings; one thread, so that runs agree to the bit.
    env: {
      PATH: process.env.PATH,
      HOME: cwd,
      ESPALIER_THREADS: '1',
      ESPALIER_DEVICE: 'cpu',
      // What later versions of the SDK will want of Node is no news for whoever reads standard error.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  const look = () => {
    for (const watcher of watchers) watcher();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    look();
  });
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, stdout, stderr }));
  return {
    child,
    ended,
    saw: (pattern) =>
      new Promise((resolve, reject) => {
        const watcher = () => {
          if (!pattern.test(stderr)) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
        watcher();
        void ended.then(() => reject(new Error(`it ended without saying ${pattern}:\n${stderr}`)));
      }),
  };
}

export function espalier(args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<Ended> {
  return startEspalier(args, cwd, env).ended;
}

/** What the debug log says when a stage begins, or has done a step. */
export function logged(stage: string, step?: number): RegExp {
  return step === undefined
    ? new RegExp(`"stage":"${stage}"[^\\n]*"msg":"stage.started"`)
    : new RegExp(`"stage":"${stage}","step":${step},[^\\n]*"msg":"stage.step"`);
}
