/**
 * Removes what onnxruntime-node brings for other systems: more than three quarters of it.
 *
 *   node infra/images/prune.mjs linux arm64
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const [system, architecture] = process.argv.slice(2);
const keep = architecture === 'amd64' ? 'x64' : architecture;
const root = 'node_modules/onnxruntime-node/bin';
let kept = 0;
for (const version of readdirSync(root)) {
  for (const os of readdirSync(join(root, version))) {
    for (const arch of readdirSync(join(root, version, os))) {
      if (os === system && arch === keep) kept += 1;
      else rmSync(join(root, version, os, arch), { recursive: true });
    }
  }
}
if (kept === 0) throw new Error(`onnxruntime-node brings nothing for ${system} ${keep}`);
