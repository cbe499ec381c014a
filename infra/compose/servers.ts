/** Starts the S3 and the SQS server of docker-compose.yml as processes, by the file's own commands. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCompose, serviceOf, tagOf } from './compose-file.ts';
import { elasticMq, versityGateway } from './programs.ts';

/** Milliseconds; a Java program's first seconds on a busy machine are many. */
const PATIENCE = 120_000;

export interface Server {
  readonly endpoint: string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Holds what the server keeps. */
  readonly folder: string;
  /** Address of the loopback network that stands for the service's name. */
  readonly host: string;
  /** @defaultValue a free one */
  readonly port?: number;
  /** Goes over the file's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** @param bucket made by the file's `setup`, as a folder */
export async function startBucket(options: ServerOptions): Promise<Server> {
  const services = await readCompose();
  const [setup, bucket] = [serviceOf(services, 'setup'), serviceOf(services, 'bucket')];
  const data = join(options.folder, 'data');
  await mkdir(data, { recursive: true });
  const placed = (word: string) => word.replace(/^\/data/, data);
  const [make = '', ...made] = (setup.entrypoint ?? []).map(placed);
  await ended(spawn(make, made, { stdio: 'inherit' }), 'setup');
  const port = options.port ?? (await freePort(options.host));
  const command = (bucket.command ?? []).map((word) => (word === ':9000' ? `${options.host}:${port}` : placed(word)));
  const child = spawn(await versityGateway(tagOf(bucket)), command, {
    env: { PATH: process.env.PATH, ...bucket.environment, ...options.environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const endpoint = `http://${options.host}:${port}`;
  return serving(child, endpoint, `${endpoint}/health`);
}

export async function startQueues(options: ServerOptions): Promise<Server> {
  const queues = serviceOf(await readCompose(), 'queues');
  const port = options.port ?? (await freePort(options.host));
  const mounted = queues.volumes[0]?.split(':')[0] ?? '';
  const source = fileURLToPath(new URL(`../../${mounted}`, import.meta.url));
  const settings = join(options.folder, 'elasticmq.conf');
  // Where the container has a name, the process has an address; everything else is the file as it is mounted.
  const text = (await readFile(source, 'utf8')).replace('host = queues', `host = "${options.host}", port = ${port}`);
  const own = `rest-sqs { bind-hostname = "${options.host}", bind-port = ${port} }\nrest-stats { enabled = false }\n`;
  await writeFile(settings, text + own);
  const classes = await elasticMq(tagOf(queues));
  const child = spawn('java', [`-Dconfig.file=${settings}`, '-cp', classes, 'org.elasticmq.server.Main'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const endpoint = `http://${options.host}:${port}`;
  return serving(child, endpoint, `${endpoint}/?Action=ListQueues`);
}

/** Waits until the server answers. */
async function serving(child: ChildProcess, endpoint: string, asked: string): Promise<Server> {
  const exit = once(child, 'exit');
  let over = false;
  void exit.then(() => {
    over = true;
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await exit;
  };
  for (const until = Date.now() + PATIENCE; !over && Date.now() < until; ) {
    const answer = await fetch(asked).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return { endpoint, stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error(`the server at ${endpoint} ${over ? 'ended' : 'does not answer'}`);
}

async function ended(child: ChildProcess, name: string): Promise<void> {
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
}

export async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
