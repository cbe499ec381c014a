/**
 * Starts the S3 and SQS server that tests and benchmarks talk to: moto in a Python environment of its own, made
 * on first use from pinned requirements and kept until they change.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export interface AwsServers {
  /** Serves S3 (path style), SQS, SNS and EventBridge in any region, with any credentials. */
  readonly endpoint: string;
  /** Requests so far by operation, e.g. `s3 PUT`, `sqs ReceiveMessage`. */
  counts(): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

export async function startAwsServers(): Promise<AwsServers> {
  const python = await pythonWithMoto();
  // Ends by itself when its input closes, so that a killed test run leaves no server behind.
  const child = spawn(python, [here('serve.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the AWS test server ended with ${code} before it listened`)));
    createInterface({ input: child.stdout }).once('line', (line) => resolve(Number(JSON.parse(line).port)));
  });
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    async counts() {
      const response = await fetch(`${endpoint}/espalier/counts`);
      return (await response.json()) as Record<string, number>;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

/** Path of a Python that can import moto, installed once under `.venv/`. */
async function pythonWithMoto(): Promise<string> {
  const requirements = here('requirements.txt');
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const folder = here(`../../.venv/aws-${digest}`);
  const python = `${folder}/bin/python`;
  // `ready` is made last: an interrupted installation is started over.
  const isReady = () =>
    readFile(`${folder}/ready`).then(
      () => true,
      () => false,
    );
  if (await isReady()) return python;
  await mkdir(here('../../.venv'), { recursive: true });
  await rm(folder, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
  await writeFile(`${folder}/ready`, new Date().toISOString());
  return python;
}
