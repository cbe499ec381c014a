/** What of ONNX Runtime is installed. */
import { createRequire } from 'node:module';

export interface RuntimeFacts {
  readonly version: string;
  /** Execution providers that the binding knows; whether one's libraries are there is another question. */
  readonly providers: readonly string[];
}

/** Loads the binding. Throws where it does not load. */
export async function runtimeFacts(): Promise<RuntimeFacts> {
  const { listSupportedBackends } = await import('onnxruntime-node');
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return { version, providers: listSupportedBackends().map(({ name }) => name) };
}
