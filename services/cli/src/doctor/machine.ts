/** Node, the runtime that runs networks, and the disk. */
import { tmpdir } from 'node:os';
import type { RuntimeFacts } from '@espalier/onnx';
import { broken, brokenBy, type Finding, ok, warning } from './finding.ts';

/** As `engines` in package.json says. */
const NODE_LEAST = [20, 11] as const;

/** @param version as `process.versions.node` gives it */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > NODE_LEAST[0] || (major === NODE_LEAST[0] && minor >= NODE_LEAST[1]);
  return enough
    ? ok('node', `Node ${version}`)
    : broken('node', `Node ${version} is too old`, `install Node ${NODE_LEAST.join('.')} or later`);
}

/** @param load opens the binding; throws where it cannot be loaded */
export async function checkRuntime(load: () => Promise<RuntimeFacts>): Promise<Finding> {
  try {
    const { version, providers } = await load();
    return ok('onnxruntime', `onnxruntime-node ${version}, providers: ${providers.join(', ')}`);
  } catch (thrown) {
    return brokenBy(
      'onnxruntime',
      thrown,
      'install the dependencies for this machine: npm ci, on Linux, macOS or Windows, x64 or arm64, with glibc 2.28 or later',
    );
  }
}

/** Below the first of these jobs and downloads fail, below the second they soon will. Bytes. */
const DISK = { least: 500e6, comfortable: 5e9 } as const;

/** @param places folders by what they hold */
export async function checkDisk(
  places: Readonly<Record<string, string>>,
  freeBytes: (folder: string) => Promise<number>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [what, folder] of Object.entries({ ...places, 'temporary files': tmpdir() })) {
    const check = `disk.${what.replaceAll(' ', '-')}`;
    try {
      const free = await freeBytes(folder);
      const message = `${what}: ${(free / 1e9).toFixed(1)} GB free at ${folder}`;
      const remedy = 'free some space, or move it to a larger disk (HF_HOME, XDG_CACHE_HOME, ESPALIER_STORE, TMPDIR)';
      if (free < DISK.least) findings.push(broken(check, message, remedy));
      else findings.push(free < DISK.comfortable ? warning(check, message, remedy) : ok(check, message));
    } catch (thrown) {
      findings.push(brokenBy(check, thrown, `make ${folder} readable`));
    }
  }
  return findings;
}
