/** The flags of RunPod's own worker; unknown ones are left alone, as there. */
import { parseArgs } from 'node:util';

export interface WorkerArguments {
  readonly testInput: string | undefined;
  readonly testOutput: string | undefined;
  readonly serveApi: boolean;
  /** As written: `parsePort` reads it where it is used. */
  readonly apiPort: string;
  readonly apiHost: string;
  readonly logLevel: string | undefined;
}

export function parseWorkerArguments(args: readonly string[]): WorkerArguments {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      test_input: text,
      test_output: text,
      rp_serve_api: { type: 'boolean' },
      rp_api_port: text,
      rp_api_host: text,
      rp_api_concurrency: text,
      rp_log_level: text,
      rp_debugger: { type: 'boolean' },
    },
    strict: false,
    allowPositionals: true,
  });
  const string = (value: string | boolean | undefined) => (typeof value === 'string' ? value : undefined);
  return {
    testInput: string(values.test_input),
    testOutput: string(values.test_output),
    serveApi: values.rp_serve_api === true,
    apiPort: string(values.rp_api_port) ?? '8000',
    apiHost: string(values.rp_api_host) ?? 'localhost',
    logLevel: string(values.rp_log_level)?.toLowerCase(),
  };
}
