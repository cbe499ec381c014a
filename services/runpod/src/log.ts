/** Log lines as RunPod's console reads them: JSON `{requestId, level, message}` on an endpoint, plain text elsewhere. */
import { ensureError, type Logger, type LogLevel } from '@espalier/contracts';

export interface RunpodLoggerOptions {
  /** JSON lines; else text. */
  readonly json: boolean;
  readonly level: LogLevel;
  readonly write: (line: string) => void;
}

const ORDER = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
/** Longer messages are cut on RunPod's side, in the middle of the JSON. */
const MESSAGE_MAX = 4096;

export function runpodLogger(options: RunpodLoggerOptions, bindings: Readonly<Record<string, unknown>> = {}): Logger {
  const log = (level: 'debug' | 'info' | 'warn' | 'error') => (details: object, message: string) => {
    if (ORDER.indexOf(level) < ORDER.indexOf(options.level)) return;
    const { job, ...rest } = { ...bindings, ...details } as Record<string, unknown>;
    const extra = Object.entries(rest).map(([name, value]) => ` ${name}=${text(value)}`);
    const line = `${message}${extra.join('')}`.slice(0, MESSAGE_MAX);
    const requestId = job === undefined ? undefined : String(job);
    if (options.json) options.write(`${JSON.stringify({ requestId, message: line, level: level.toUpperCase() })}\n`);
    else
      options.write(`${level.toUpperCase().padEnd(5)} | ${requestId === undefined ? '' : `${requestId} | `}${line}\n`);
  };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (more) => runpodLogger(options, { ...bindings, ...more }),
  };
}

function text(value: unknown): string {
  if (value instanceof Error) {
    const { message, cause } = ensureError(value);
    return JSON.stringify(cause instanceof Error ? `${message}: ${cause.message}` : message);
  }
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}
