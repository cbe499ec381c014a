/**
 * Does onnxruntime's CUDA provider link to this major version of CUDA, and to cuDNN 9?
 *
 *   node infra/images/check-provider.mjs 12
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [cuda, folder = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64'] = process.argv.slice(2);
const path = join(folder, 'libonnxruntime_providers_cuda.so');
// Names of needed libraries stand in the file as they are.
const found = new Set(
  readFileSync(path, 'latin1').match(/lib(?:cublasLt|cublas|cudart|cudnn|cufft|curand)\.so\.\d+/g) ?? [],
);
const wanted = [`libcublasLt.so.${cuda}`, `libcublas.so.${cuda}`, 'libcudnn.so.9'];
const missing = wanted.filter((name) => !found.has(name));
if (missing.length > 0) {
  process.stderr.write(`${path} does not link to ${missing.join(', ')}, but to: ${[...found].sort().join(', ')}\n`);
  process.exitCode = 1;
}
