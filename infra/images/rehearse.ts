/**
 * Builds the application part of an image without a container engine: the steps of the Dockerfile's `app` stage, in a
 * fresh folder that holds what `.dockerignore` lets through; then starts the entry point, and ends it by SIGTERM.
 *
 *     node --import tsx infra/images/rehearse.ts [cpu|gpu]
 *
 * Of the GPU image the provider's download and its check are left out: they want NuGet. Prints sizes in MB; exit code 1 when
 * a step fails, or when the worker does not end well.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { copySources, parseDockerfile } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Milliseconds. */
const START = 120_000;
const DRAIN = 20_000;

const kind = process.argv[2] ?? 'cpu';
const { args, stages } = parseDockerfile(readFileSync(join(ROOT, `infra/images/${kind}/Dockerfile`), 'utf8'));
const app = stages.find(({ name }) => name === 'app');
if (app === undefined) throw new Error('the Dockerfile has no stage named app');

const folder = mkdtempSync(join(tmpdir(), 'espalier-image-'));
/** Caches of npm and of the worker are none of the image's. */
const home = mkdtempSync(join(tmpdir(), 'espalier-home-'));
const say = (text: string) => process.stdout.write(`${text}\n`);
try {
  const files = contextFiles();
  for (const step of app.steps) {
    for (const source of copySources(step)) {
      const copied = files.filter((file) => file === source || file.startsWith(`${source}/`));
      if (copied.length === 0) throw new Error(`COPY ${source}: nothing of it passes .dockerignore`);
      for (const file of copied) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        cpSync(join(ROOT, file), join(folder, file));
      }
    }
    if (step.instruction !== 'RUN') continue;
    if (/ONNXRUNTIME_NODE_INSTALL/.test(step.text)) {
      say(`left out: ${step.text}`);
      continue;
    }
    const command = step.text.replace(/node infra\/images\/check-provider\.mjs \d+ && /, '');
    say(`RUN ${command}`);
    execFileSync('bash', ['-ec', command], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], env: environment() });
  }
  await startAndStop();
  say(
    `node_modules ${megabytes('node_modules')} MB, of it onnxruntime-node ${megabytes('node_modules/onnxruntime-node')} MB`,
  );
  say(`sources ${megabytes('packages') + megabytes('services')} MB, bundled model ${megabytes('models')} MB`);
  say(`/app ${megabytes('.')} MB`);
} finally {
  for (const made of [folder, home]) rmSync(made, { recursive: true, force: true });
}

/** As it is in the container: nothing of this machine's but the ways to its programs and to the registry. */
function environment(): NodeJS.ProcessEnv {
  const ways = ['PATH', 'NODE_EXTRA_CA_CERTS', 'npm_config_registry', 'NPM_CONFIG_REGISTRY'];
  const passed = Object.entries(process.env).filter(([name]) => ways.includes(name));
  return { ...Object.fromEntries(passed), HOME: home, TARGETARCH: 'amd64', NODE_ENV: 'production', ...args };
}

/** Files, but for those that git ignores, that `.dockerignore` lets through. Understands what ours says, and refuses what it does not know. */
function contextFiles(): string[] {
  const rules = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const tests = rules.map((rule) => {
    const allow = rule.startsWith('!');
    const pattern = allow ? rule.slice(1) : rule;
    const expression = pattern
      .replace(/[.+^$()|[\]\\]/g, '\\$&')
      .replaceAll('**/', '(.*/)?')
      .replaceAll(/(?<!\.)\*/g, '[^/]*');
    return { allow, test: new RegExp(`^${expression}(/.*)?$`) };
  });
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
    .split('\n')
    .filter((file) => file !== '' && existsSync(join(ROOT, file)) && statSync(join(ROOT, file)).isFile())
    .filter((file) => tests.reduce((passes, { allow, test }) => (test.test(file) ? allow : passes), true));
}

async function startAndStop(): Promise<void> {
  const child = spawn(
    process.execPath,
    [join(folder, 'services/cli/bin/espalier.mjs'), 'worker', '--store', join(home, 'bucket')],
    { cwd: folder, env: { ...environment(), ESPALIER_DEVICE: 'cpu' }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const patience = setTimeout(() => child.kill('SIGKILL'), START + DRAIN);
  let started = false;
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    if (!line.includes('worker started')) continue;
    started = true;
    say('the entry point serves; SIGTERM');
    child.kill('SIGTERM');
  }
  const code = await ended;
  clearTimeout(patience);
  if (!started || code !== 0) {
    const how = started ? 'ended' : 'never served, and ended';
    throw new Error(`the entry point ${how} with ${code}\n${said.slice(-20).join('\n')}`);
  }
  say('ended with 0');
}

function megabytes(path: string): number {
  const entries = readdirSync(join(folder, path), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
  return Math.round(bytes / 1e6);
}
