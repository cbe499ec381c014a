import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli } from '../src/program.ts';
import { captureIo, temporaryFolder } from './capture-io.ts';

it('helps, with examples and exit codes', async () => {
  for (const command of ['generate', 'worker', 'parity']) {
    const io = captureIo();
    expect(await runCli(io, [command, '--help'])).toBe(0);
    expect(io.stdout).toContain('Example');
    expect(io.stdout).toContain(`espalier ${command}`);
  }
  const io = captureIo();
  expect(await runCli(io, ['--help'])).toBe(0);
  expect(io.stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong options');
});

it.each([
  [['no-such-command']],
  [['generate', 'a', '--no-such-option']],
  [['generate', 'a', 'b']],
  [['parity']],
  [['status']],
])('%j is wrong usage: 2, nothing on stdout', async (args) => {
  const io = captureIo();
  expect(await runCli(io, args)).toBe(2);
  expect(io.stdout).toBe('');
  expect(io.stderr).toContain('error:');
});

it.each([
  [[], "Missing required 'prompt' parameter"],
  [[''], "Missing required 'prompt' parameter"],
  [['  '], "'prompt' cannot be empty or whitespace"],
  [['x'.repeat(1001)], "'prompt' exceeds maximum length of 1000 characters"],
  [['a', '--seed', 'abc'], "'seed' must be an integer"],
  [['a', '--seed', ''], "'seed' must be an integer"],
  [['a', '--seed', '0x10'], "'seed' must be an integer"],
  [['a', '--seed', '1.5'], "'seed' must be an integer"],
  [['a', '--seed', '-1'], "'seed' must be between 0 and 2^32-1"],
  [['a', '--seed', '4294967296'], "'seed' must be between 0 and 2^32-1"],
  [['a', '--simplify', 'much'], "'simplify' must be a number"],
  [['a', '--simplify', '1.5'], "'simplify' must be between 0.0 and 1.0"],
  [['a', '--texture-size', '1e3.5'], "'texture_size' must be an integer"],
  [['a', '--texture-size', '100'], "'texture_size' must be between 128 and 4096"],
])('generate %j says what a job file would hear, and ends with 2', async (args, message) => {
  for (const command of ['generate', 'submit']) {
    const plain = captureIo({ env: { ESPALIER_STORE: await temporaryFolder() } });
    expect(await runCli(plain, [command, ...args])).toBe(2);
    expect(plain.stderr).toContain(`error: ${message} [`);
    expect(plain.stdout).toBe('');
  }
  const json = captureIo();
  expect(await runCli(json, ['generate', ...args, '--json'])).toBe(2);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, error: { message } });
  expect(json.stderr).toBe('');
});

it('reads a job file, and lets options override it', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'job.json');
  await writeFile(file, JSON.stringify({ input: { prompt: 'a', seed: 'x' }, tags: { team: 'props' } }));
  const io = captureIo({ cwd: folder });
  expect(await runCli(io, ['generate', '--job', 'job.json'])).toBe(2);
  expect(io.stderr).toContain("'seed' must be an integer");
  const overridden = captureIo({ cwd: folder });
  expect(await runCli(overridden, ['submit', '--job', 'job.json', '--seed', '7', '--store', 'bucket'])).toBe(0);
  await writeFile(file, '{"prompt":');
  const broken = captureIo({ cwd: folder });
  expect(await runCli(broken, ['generate', '--job', 'job.json', '--json'])).toBe(2);
  expect(JSON.parse(broken.stdout)).toMatchObject({ error: { code: 'BODY_NOT_JSON' } });
  const missing = captureIo({ cwd: folder });
  expect(await runCli(missing, ['generate', '--job', 'none.json'])).toBe(2);
  expect(missing.stderr).toContain('none.json cannot be read');
});

it('names a setting that it cannot use', async () => {
  const io = captureIo({ env: { MAX_JOBS: 'many' } });
  expect(await runCli(io, ['generate', 'a'])).toBe(2);
  expect(io.stderr).toContain("MAX_JOBS: 'many' cannot be used: give a whole number from 1 to 64 [SETTING_INVALID]");
  const device = captureIo();
  expect(await runCli(device, ['generate', 'a', '--device', 'gpu'])).toBe(2);
  expect(device.stderr).toContain('auto, cuda, cpu');
});

it('names a bucket that is a file', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file'), '');
  for (const args of [
    ['status', 'a'],
    ['submit', 'a'],
  ]) {
    const io = captureIo({ cwd: folder });
    expect(await runCli(io, [...args, '--store', 'file'])).toBe(1);
    expect(io.stderr).toContain('[STORE_NOT_A_FOLDER]');
  }
});
