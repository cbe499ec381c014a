import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HubServer, startHub } from '../../../packages/weights/test/hub-server.ts';
import { MODEL, tinyRepositories } from '../../../packages/weights/test/tiny-repositories.ts';
import { runCli } from '../src/program.ts';
import { captureIo, temporaryFolder } from './capture-io.ts';
import { espalier } from './espalier-process.ts';

let hub: HubServer;
let home: string;
let env: Record<string, string>;
beforeEach(async () => {
  hub = await startHub(await tinyRepositories());
  home = await temporaryFolder();
  env = { HF_HOME: join(home, 'hf'), HF_ENDPOINT: hub.url, XDG_CACHE_HOME: join(home, 'cache') };
});
afterEach(() => hub.close());

const run = async (args: string[], more: Record<string, string> = {}, interactive = false) => {
  const io = captureIo({ env: { ...env, ...more }, cwd: home, interactive });
  return { code: await runCli(io, args), io };
};
const ofJson = (text: string) => JSON.parse(text);

describe('espalier models pull', () => {
  it('fetches a model, which then generates by its name, in real processes', async () => {
    const pulled = await espalier(['models', 'pull', MODEL], home, env);
    expect(pulled).toMatchObject({ code: 0 });
    expect(pulled.stderr).toMatch(/fetching acme\/TRELLIS-text-tiny: 100% of 11 MB/);
    expect(pulled.stdout).toContain('every checksum right');
    await hub.close(); // nothing more is asked of it
    const made = await espalier(
      ['generate', 'a chair', '--seed', '1', '--texture-size', '128', '--model', MODEL, '--json'],
      home,
      { ...env, ESPALIER_STORE: join(home, 'bucket') },
    );
    expect(made.code).toBe(0);
    expect(ofJson(made.stdout)).toMatchObject({ ok: true, stats: { model: { name: MODEL }, seed_used: 1 } });
  });

  it('draws one bar on a terminal, and is silent but for JSON when asked to be', async () => {
    const bar = await run(['models', 'pull', MODEL], {}, true);
    expect(bar.io.stderr).toMatch(/\[#{24}\] 100% of 11 MB/);
    expect(bar.io.stderr).not.toContain('\n');
    const json = await run(['models', 'pull', MODEL, '--json']);
    expect(json.io.stderr).toBe('');
    expect(ofJson(json.io.stdout)).toMatchObject({ ok: true, model: MODEL, fetchedBytes: 0, lock: { version: 1 } });
  });

  it('offline says whether all is here, and asks nobody', async () => {
    const before = await run(['models', 'pull', MODEL, '--offline']);
    expect(before.code).toBe(1);
    expect(before.io.stderr).toContain('[MODEL_OFFLINE]');
    await run(['models', 'pull', MODEL]);
    hub.log.length = 0;
    const after = await run(['models', 'pull', MODEL], { HF_HUB_OFFLINE: '1' });
    expect(after).toMatchObject({ code: 0 });
    expect(after.io.stdout).toContain('is here already');
    expect(hub.log).toEqual([]);
  });

  it('sends the token of HF_TOKEN', async () => {
    hub.token = 'hf_secret';
    const without = await run(['models', 'pull', MODEL]);
    expect(without.io.stderr).toContain('HF_TOKEN');
    expect((await run(['models', 'pull', MODEL], { HF_TOKEN: 'hf_secret' })).code).toBe(0);
  });

  it('goes by way of a mirror', async () => {
    await run(['models', 'pull', MODEL]);
    const pushed = await run(['models', 'push', MODEL, 'mirror']);
    expect(pushed.io.stdout).toContain(`espalier models pull ${MODEL} --from mirror`);
    await rm(join(home, 'hf'), { recursive: true });
    hub.log.length = 0;
    expect((await run(['models', 'pull', MODEL], { ESPALIER_MODEL_MIRROR: 'mirror' })).code).toBe(0);
    expect(hub.log).toEqual([]);
  });

  it.each([
    [['models', 'pull', 'trellis-text-huge'], 'no model that could be fetched'],
    [['models', 'pull', '../x/y'], 'no model that could be fetched'],
    [['models', 'pull', MODEL, '--parallel', '0'], '--parallel'],
    [['models', 'pull', 'acme/none'], '[MODEL_NOT_FOUND]'],
    [['models', 'verify', 'acme/none'], '[MODEL_NOT_FOUND]'],
    [['generate', 'a', '--model', 'nowhere'], '[MODEL_NOT_FOUND]'],
  ])('%j is wrong usage', async (args, text) => {
    const { code, io } = await run([...args]);
    expect(io.stderr).toContain(text);
    expect(code).toBe(2);
  });
});

describe('what MODEL_NOT_FOUND recommends', () => {
  it('names the folder, the cache, and commands that are there', async () => {
    const { io } = await run(['generate', 'a', '--model', 'trellis-text-xlarge']);
    expect(io.stderr).toContain(`${join(home, 'hf', 'hub')}`);
    for (const [, command = ''] of io.stderr.matchAll(/`espalier ([a-z ]+?)(?: NAME)?`/g)) {
      expect((await run([...command.split(' '), '--help'])).code).toBe(0);
    }
  });
});

describe('espalier models list and verify', () => {
  it('lists what is bundled, pulled and published', async () => {
    await run(['models', 'pull', MODEL]);
    const { io } = await run(['models', 'list', '--json'], { TRELLIS_MODEL_PATH: MODEL });
    const { models } = ofJson(io.stdout);
    expect(models.filter((model: { default: boolean }) => model.default)).toEqual([
      expect.objectContaining({ name: MODEL, origin: 'pulled', note: '11 MB' }),
    ]);
    expect(models.map(({ name, origin }: Record<string, string>) => `${origin} ${name}`)).toEqual(
      expect.arrayContaining(['bundled starter', 'bundled trellis-tiny', 'published trellis-text-xlarge']),
    );
    const plain = await run(['models', 'list']);
    expect(plain.io.stdout).toMatch(/^\* +starter/m);
    expect(plain.io.stdout).toContain('espalier models pull trellis-text-xlarge');
  });

  it('verifies bundled and pulled models', async () => {
    const bundled = await run(['models', 'verify']);
    expect(bundled).toMatchObject({ code: 0 });
    await run(['models', 'pull', MODEL]);
    const pulled = await run(['models', 'verify', MODEL, '--json']);
    expect(ofJson(pulled.io.stdout)).toMatchObject({ ok: true, name: MODEL, checksums: 14 });
  });
});
