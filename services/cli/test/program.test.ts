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

const SQS = 'https://sqs.eu-central-1.amazonaws.com/1/q';
const NO_STORE = { ESPALIER_STORE: '/dev/null/none' };
it.each<[string[], Record<string, string>, string, string, RegExp]>([
  [['generate', 'a'], { MAX_JOBS: 'many' }, 'MAX_JOBS', "'many'", /whole number from 1 to 64/],
  [['doctor'], { ESPALIER_DEVICE: 'tpu' }, 'ESPALIER_DEVICE', "'tpu'", /auto, cuda, cpu/],
  [['generate', 'a', '--device', 'gpu'], {}, '--device', "'gpu'", /auto, cuda, cpu/],
  [['generate', 'a', '--store', 'gs://x'], {}, '--store', "'gs://x'", /s3:\/\/bucket/],
  [['status', 'a', '--store', 's3://-'], {}, 'ESPALIER_STORE', "'s3://-'", /s3:\/\/bucket\/prefix/],
  [['generate', '--job', 'none.json'], {}, '--job', 'none.json', /name a file of JSON/],
  [['worker', '--lanes', 'gpu'], {}, '--lanes', "'gpu'", /generate,finish,notify/],
  [['serve', '--port', '70000'], {}, '--port', "'70000'", /0 to 65535/],
  [['serve', '--new-key', 'a b'], {}, '--new-key', "'a b'", /1 to 64 characters/],
  [['redrive', 'gpu'], {}, 'queue', "'gpu'", /generate, finish, notify/],
  [['redrive', 'generate', '--max', '0'], { ESPALIER_QUEUE_GENERATE: SQS }, '--max', "'0'", /whole number from 1/],
  [['models', 'pull', 'nothing'], {}, 'model', "'nothing'", /trellis-text-xlarge/],
  [['models', 'pull', 'trellis-text-base', '--parallel', '99'], {}, '--parallel', "'99'", /from 1 to 32/],
  [['models', 'pull', 'trellis-text-base'], { HF_ENDPOINT: 'hub' }, 'HF_ENDPOINT', "'hub'", /https address/],
])('%j with %j: the option or setting, its value, what to give', async (args, env, field, value, remedy) => {
  const io = captureIo({ env: { ...NO_STORE, ...env } });
  expect(await runCli(io, args)).toBe(2);
  expect(io.stdout).toBe('');
  expect(io.stderr).toContain(field);
  expect(io.stderr).toContain(value);
  expect(io.stderr).toMatch(remedy);
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
