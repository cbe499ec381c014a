/** The scripts of a GPU machine, run: a metadata service of the test's own, and other programs as recordings of calls. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { machineUserData } from '../lib/gpu/user-data.ts';

const run = promisify(execFile);
const BOOT = fileURLToPath(new URL('../lib/gpu/boot', import.meta.url));
const machine = {
  AWS_REGION: 'eu-central-1',
  IMAGE: '1.dkr.ecr.eu-central-1.amazonaws.com/espalier:1',
  LANES: 'generate',
  COLLECTOR_IMAGE: 'public.ecr.aws/collector:1',
  LOG_GROUP: 'logs',
  WEIGHTS: 'mirror',
  MODELS_URL: 's3://assets/models',
  MODEL: 'trellis-text-xlarge',
  AUTO_SCALING_GROUP: 'EspalierFleet-gpu',
  LIFECYCLE_HOOK: 'espalier-save',
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Answers like EC2: nothing without a session token. @param states target lifecycle states, one for each look */
async function metadataService(states: string[]): Promise<{ readonly url: string; readonly refused: () => number }> {
  let refused = 0;
  const answer = ({ method, url, headers }: IncomingMessage) => {
    if (method === 'PUT' && url === '/latest/api/token') return 'a-token';
    if (headers['x-aws-ec2-metadata-token'] !== 'a-token') {
      refused += 1;
      return undefined;
    }
    if (url === '/latest/meta-data/instance-id') return 'i-0123';
    if (url === '/latest/meta-data/autoscaling/target-lifecycle-state') return states.shift();
    return undefined;
  };
  const server = createServer((request, response) => {
    const body = answer(request);
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, refused: () => refused };
}

/** A folder of programs that write down how they were called. */
async function recorders(names: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-machine-'));
  const calls = join(folder, 'calls');
  for (const name of names) {
    await writeFile(join(folder, name), `#!/bin/bash\necho "${name} $*" >> ${calls}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return { folder, calls: async () => (await readFile(calls, 'utf8')).trimEnd().split('\n') };
}

/** The script with its environment file where the test has it. */
async function script(name: string, folder: string): Promise<string> {
  const variables = join(folder, 'machine.env');
  await writeFile(
    variables,
    Object.entries(machine)
      .map((pair) => pair.join('='))
      .join('\n'),
  );
  const text = await readFile(join(BOOT, name), 'utf8');
  const path = join(folder, name);
  await writeFile(
    path,
    text.replaceAll('/etc/espalier/machine.env', variables).replaceAll('/var/lib/espalier', folder),
  );
  return path;
}

describe('a machine that Auto Scaling wants back', () => {
  it('saves first, then lets go', async () => {
    const metadata = await metadataService(['InService', 'InService', 'Terminated']);
    const { folder, calls } = await recorders(['systemctl', 'aws']);
    await run('bash', [await script('drain.sh', folder)], {
      env: { PATH: `${folder}:${process.env.PATH}`, METADATA: metadata.url, DRAIN_EVERY_SECONDS: '0.05' },
    });
    expect(await calls()).toEqual([
      'systemctl stop espalier-worker',
      'aws autoscaling complete-lifecycle-action --region eu-central-1 --lifecycle-hook-name espalier-save ' +
        '--auto-scaling-group-name EspalierFleet-gpu --lifecycle-action-result CONTINUE --instance-id i-0123',
    ]);
    expect(metadata.refused()).toBe(0);
  });

  it('goes on asking when the metadata service does not answer', async () => {
    const metadata = await metadataService(['Terminated']);
    const { folder, calls } = await recorders(['systemctl', 'aws']);
    const path = await script('drain.sh', folder);
    const text = await readFile(path, 'utf8');
    expect(text).toContain('|| true');
    // The first look goes to a port that nobody listens on.
    await writeFile(
      path,
      text.replace('token=$(', 'if [ ! -e "$0.asked" ]; then touch "$0.asked"; return 7; fi; token=$('),
    );
    await run('bash', [path], {
      env: { PATH: `${folder}:${process.env.PATH}`, METADATA: metadata.url, DRAIN_EVERY_SECONDS: '0.05' },
    });
    expect((await calls()).at(0)).toBe('systemctl stop espalier-worker');
  });
});

describe('a fresh machine', () => {
  it('fetches weights and images, logs in where that is wanted, and starts the worker last', async () => {
    const { folder, calls } = await recorders(['aws', 'docker', 'systemctl', 'mkfs.xfs', 'mount', 'lsblk', 'chown']);
    await run('bash', [await script('boot.sh', folder)], { env: { PATH: `${folder}:${process.env.PATH}` } });
    const made = await calls();
    expect(made).toContain(
      `docker run --rm --network host --env AWS_REGION=eu-central-1 --env HF_HOME=/models --volume ${folder}/models:/models ` +
        `${machine.IMAGE} models pull trellis-text-xlarge --from s3://assets/models`,
    );
    expect(made.filter((call) => call.startsWith('docker login'))).toEqual([
      'docker login --username AWS --password-stdin 1.dkr.ecr.eu-central-1.amazonaws.com',
    ]);
    expect(made).toContain('docker pull --quiet public.ecr.aws/collector:1');
    expect(made.at(-1)).toBe('systemctl enable --now espalier-worker espalier-collector espalier-drain');
  });

  it('does not start a worker without weights', async () => {
    const { folder, calls } = await recorders(['aws', 'systemctl', 'mkfs.xfs', 'mount', 'lsblk', 'chown']);
    await writeFile(join(folder, 'docker'), '#!/bin/bash\n[ "$1" != run ]\n');
    await chmod(join(folder, 'docker'), 0o755);
    const boot = run('bash', [await script('boot.sh', folder)], { env: { PATH: `${folder}:${process.env.PATH}` } });
    await expect(boot).rejects.toMatchObject({ code: 1 });
    expect((await calls()).some((call) => call.startsWith('systemctl enable'))).toBe(false);
  });

  it('writes files that come out as they went in', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-user-data-'));
    const userData = machineUserData({ machine, worker: { MAX_JOBS: '1' }, collector: '{"a":"$b"}' }).render();
    const last = userData.lastIndexOf('/usr/local/bin/espalier-boot');
    expect(userData.slice(last)).toBe('/usr/local/bin/espalier-boot');
    const local = userData
      .slice(0, last)
      .replaceAll(/\/(etc\/espalier|usr\/local\/bin|etc\/systemd\/system)\b/g, folder);
    await writeFile(join(folder, 'user-data'), local);
    await run('bash', [join(folder, 'user-data')]);
    const written = await readdir(folder);
    expect(written).toEqual(
      expect.arrayContaining(['espalier-boot', 'espalier-drain', 'espalier-worker.service', 'worker.env']),
    );
    expect(await readFile(join(folder, 'collector.json'), 'utf8')).toBe('{"a":"$b"}\n');
    const unit = await readFile(join(folder, 'espalier-worker.service'), 'utf8');
    // Not the shell's to fill in: systemd does it.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in the unit
    expect(unit).toContain('${IMAGE} worker --lanes ${LANES}');
  });
});
