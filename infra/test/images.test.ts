import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readCompose, serviceOf, tagOf } from '../compose/compose-file.ts';
import { copySources, parseDockerfile } from '../images/dockerfile.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFile(join(ROOT, path), 'utf8');

describe.each(['gpu', 'cpu'])('the %s image', (kind) => {
  const dockerfile = async () => parseDockerfile(await read(`infra/images/${kind}/Dockerfile`));

  it('copies what there is, and what .dockerignore lets through', async () => {
    const { stages } = await dockerfile();
    const sources = stages.flatMap(({ steps }) => steps.flatMap(copySources));
    expect(sources.length).toBeGreaterThan(5);
    const allowed = (await read('.dockerignore'))
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      const passes = allowed.some(
        (path) => path === source || path.startsWith(`${source}/`) || source.startsWith(`${path}/`),
      );
      expect(passes, `${source} passes .dockerignore`).toBe(true);
    }
  });

  it('stands on pinned tags, runs as nobody of importance, and says how it is', async () => {
    const { args, stages } = await dockerfile();
    const named = new Set(stages.map(({ name }) => name));
    for (const { from } of stages) {
      const image = from.replace(/\$\{(\w+)\}/g, (_all, name: string) => args[name] ?? '');
      expect(named.has(image) || /:\d+\.\d+\.\d+/.test(image), image).toBe(true);
    }
    const last = stages.find(({ name }) => name === (kind === 'gpu' ? 'mounted' : 'worker'));
    const of = (instruction: string) =>
      last?.steps.filter((step) => step.instruction === instruction).map(({ text }) => text);
    expect(of('USER')).toEqual(['10001']);
    expect(of('ENTRYPOINT')).toEqual(['["espalier"]']);
    expect(of('HEALTHCHECK')?.[0]).toContain('healthcheck.mjs');
  });
});

describe('docker-compose.yml', () => {
  it('has a server for buckets and one for queues, which makes every queue that a worker is told of', async () => {
    const services = await readCompose();
    expect(Object.keys(services).sort()).toEqual(['api', 'bucket', 'finish', 'generate', 'queues', 'setup']);
    const queues = await read('infra/compose/elasticmq.conf');
    const urls = Object.entries(serviceOf(services, 'generate').environment)
      .filter(([name]) => name.startsWith('ESPALIER_QUEUE_'))
      .map(([, url]) => url);
    expect(urls).toHaveLength(3);
    for (const url of urls) expect(queues).toMatch(new RegExp(`^  ${url.split('/').at(-1)} \\{`, 'm'));
  });

  it('pins what it takes from others, and takes what is free to use', async () => {
    const foreign = Object.values(await readCompose()).filter(({ image }) => image !== 'espalier-cpu');
    expect(foreign).toHaveLength(3);
    // Both Apache-2.0.
    for (const service of foreign) {
      expect(service.image).toMatch(/^(versity\/versitygw|softwaremill\/elasticmq-native):/);
      expect(tagOf(service)).toMatch(/^v?\d+\.\d+\.\d+$/);
    }
  });

  it('asks each of our own services for its health where that service listens', async () => {
    const services = await readCompose();
    const port = (name: string) => serviceOf(services, name).environment.ESPALIER_METRICS_PORT;
    expect([port('api'), port('generate'), port('finish')]).toEqual(['8000', '9464', '9464']);
  });
});

describe('templates for RunPod', () => {
  it.each(['endpoint', 'template', 'pod'])(
    '%s.json holds no secret, and a place for everything of one’s own',
    async (name) => {
      const text = await read(`infra/runpod/${name}.json`);
      const { env = {} } = JSON.parse(text);
      for (const [key, value] of Object.entries<string>(env)) {
        if (/KEY|SECRET|TOKEN/.test(key)) expect(value).toMatch(/^\{\{ RUNPOD_SECRET_\w+ \}\}$/);
      }
      expect(text).not.toMatch(/AKIA|rpa_|hf_/);
    },
  );

  it('start what there is', async () => {
    const template = JSON.parse(await read('infra/runpod/template.json'));
    expect(existsSync(join(ROOT, template.dockerStartCmd[0].replace('/app/', '')))).toBe(true);
  });
});

describe('scripts of the images', () => {
  it('a health check follows the worker', async () => {
    let status = 200;
    const server = createServer((_request, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const check = (port: number | undefined) =>
      run(process.execPath, [join(ROOT, 'infra/images/healthcheck.mjs')], {
        env: { ...process.env, ESPALIER_METRICS_PORT: port === undefined ? '' : String(port) },
      });
    const { port } = server.address() as AddressInfo;
    await check(port);
    status = 500;
    await expect(check(port)).rejects.toMatchObject({ code: 1 });
    await new Promise((resolve) => server.close(resolve));
    await expect(check(port)).rejects.toMatchObject({ code: 1 });
    await check(undefined);
  });

  it('a provider for another CUDA stops the build', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-provider-'));
    const check = (cuda: string) =>
      run(process.execPath, [join(ROOT, 'infra/images/check-provider.mjs'), cuda, folder]);
    await writeFile(
      join(folder, 'libonnxruntime_providers_cuda.so'),
      '\0libcublasLt.so.12\0libcublas.so.12\0libcudnn.so.9\0libcufft.so.11\0',
    );
    await check('12');
    await expect(check('13')).rejects.toMatchObject({
      stderr: expect.stringContaining('does not link to libcublasLt.so.13, libcublas.so.13, but to: libcublas.so.12'),
    });
  });

  it('pruning keeps one system and refuses to keep none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-prune-'));
    const bin = join(folder, 'node_modules/onnxruntime-node/bin/napi-v6');
    for (const place of ['linux/x64', 'linux/arm64', 'darwin/arm64', 'win32/x64']) {
      await mkdir(join(bin, place), { recursive: true });
    }
    const prune = (architecture: string) =>
      run(process.execPath, [join(ROOT, 'infra/images/prune.mjs'), 'linux', architecture], { cwd: folder });
    await prune('amd64');
    expect(
      ['linux/x64', 'linux/arm64', 'darwin/arm64', 'win32/x64'].map((place) => existsSync(join(bin, place))),
    ).toEqual([true, false, false, false]);
    await expect(prune('arm64')).rejects.toMatchObject({ code: 1 });
  });
});
