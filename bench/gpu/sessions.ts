/**
 * What the measurements change about every session that is opened after this module was imported: provider options,
 * ONNX Runtime's profiler, and a copy of each model, all by environment variables. The product is left as it is.
 *
 * - `GPU_OPTIONS`: JSON of CUDA provider options, e.g. `{"use_tf32":"0"}`.
 * - `GPU_PROFILE`: prefix of profile files.
 * - `GPU_DUMP`: folder that models are written to, with the folder of their weights beside them.
 * - `GPU_LOG`: severity of the log, 0 (everything) to 4.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '@espalier/tensors';
import * as ort from 'onnxruntime-node';

const { GPU_OPTIONS, GPU_PROFILE, GPU_DUMP, GPU_LOG } = process.env;
type Options = ort.InferenceSession.SessionOptions;

let opened = 0;

function changed(options: Options): Options {
  const extra = (options.extra ?? {}) as Record<string, unknown>;
  const provider = GPU_OPTIONS === undefined ? {} : { ep: { cudaexecutionprovider: JSON.parse(GPU_OPTIONS) } };
  return {
    ...options,
    extra: { ...extra, ...provider },
    ...(GPU_LOG === undefined ? {} : { logSeverityLevel: Number(GPU_LOG) as 0 }),
    ...(GPU_PROFILE === undefined ? {} : { enableProfiling: true, profileFilePrefix: `${GPU_PROFILE}-${opened}` }),
  };
}

function dump(model: Uint8Array, options: Options): void {
  if (GPU_DUMP === undefined) return;
  mkdirSync(GPU_DUMP, { recursive: true });
  const session = (options.extra?.session ?? {}) as Record<string, string>;
  writeFileSync(join(GPU_DUMP, `${opened}.onnx`), model);
  writeFileSync(join(GPU_DUMP, `${opened}.json`), JSON.stringify(session));
}

/** The first run's inputs, for those who run the model elsewhere. */
function dumpFeeds(session: ort.InferenceSession, path: string): void {
  type Run = (feeds: Record<string, ort.Tensor>, ...rest: unknown[]) => ReturnType<typeof session.run>;
  const run = session.run.bind(session) as Run;
  let written = false;
  session.run = (async (feeds, ...rest) => {
    if (!written) {
      const dtypes: Record<string, 'F32' | 'I32' | 'I64'> = { float32: 'F32', int32: 'I32', int64: 'I64' };
      const tensors = Object.entries(feeds).map(([name, { type, dims, data }]) => {
        return [name, { dtype: dtypes[type] as 'F32', shape: dims, data: data as Float32Array }] as const;
      });
      await writeSafetensors(path, Object.fromEntries(tensors));
      written = true;
    }
    return run(feeds, ...rest);
  }) as Run as typeof session.run;
}

type Create = (model: Uint8Array, options: Options) => Promise<ort.InferenceSession>;
const factory = ort.InferenceSession as unknown as { create: Create };
const create = factory.create.bind(ort.InferenceSession) as Create;
factory.create = async (model, options) => {
  dump(model, options);
  const session = await create(model, changed(options));
  if (GPU_DUMP !== undefined) dumpFeeds(session, join(GPU_DUMP, 'feeds.safetensors'));
  opened++;
  if (GPU_PROFILE !== undefined) {
    const release = session.release.bind(session);
    session.release = async () => {
      session.endProfiling();
      await release();
    };
  }
  return session;
};
