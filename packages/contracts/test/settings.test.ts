import { expect, it } from 'vitest';
import { parseSettings, parseStore, TerminalError } from '../src/index.ts';

const host = { cores: 8, home: '/home/ada' };

it('has a default for everything', () => {
  expect(parseSettings({}, host)).toEqual({
    store: {
      kind: 'folder',
      path: '/home/ada/.cache/espalier/bucket',
      url: 'file:///home/ada/.cache/espalier/bucket',
    },
    cacheFolder: '/home/ada/.cache/espalier',
    queues: { generate: { kind: 'memory' }, finish: { kind: 'memory' }, notify: { kind: 'memory' } },
    device: 'auto',
    modelPath: undefined,
    huggingFaceHome: '/home/ada/.cache/huggingface',
    cpuWorkers: 4,
    threads: undefined,
    logLevel: undefined,
    leaseSeconds: 30,
    saveSeconds: 10,
  });
  expect(parseSettings({ ESPALIER_DEVICE: ' ', HF_HOME: '' }, host), 'an empty variable is an absent one').toEqual(
    parseSettings({}, host),
  );
});

it('reads every variable', () => {
  const settings = parseSettings(
    {
      ESPALIER_STORE: 'file:///srv/my%20bucket',
      ESPALIER_QUEUE_GENERATE: 'memory:',
      ESPALIER_DEVICE: 'CPU',
      TRELLIS_MODEL_PATH: '/models/TRELLIS-text-xlarge',
      HF_HOME: '/hf',
      MAX_JOBS: '2',
      ESPALIER_THREADS: '3',
      ESPALIER_LOG_LEVEL: 'debug',
      ESPALIER_LEASE_SECONDS: '5',
      ESPALIER_SAVE_SECONDS: '0',
    },
    host,
  );
  expect(settings).toMatchObject({
    store: { path: '/srv/my bucket' },
    device: 'cpu',
    modelPath: '/models/TRELLIS-text-xlarge',
    huggingFaceHome: '/hf',
    cpuWorkers: 2,
    threads: 3,
    logLevel: 'debug',
    leaseSeconds: 5,
    saveSeconds: 0,
  });
});

it('reads the names of production: a bucket and queues', () => {
  const url = 'https://sqs.eu-central-1.amazonaws.com/123456789012/espalier-generate';
  const settings = parseSettings({ ESPALIER_STORE: 's3://assets/espalier', ESPALIER_QUEUE_GENERATE: url }, host);
  expect(settings.store).toEqual({ kind: 's3', url: 's3://assets/espalier' });
  expect(settings.queues).toEqual({
    generate: { kind: 'sqs', url },
    finish: { kind: 'memory' },
    notify: { kind: 'memory' },
  });
});

it.each([
  ['ESPALIER_QUEUE_GENERATE', 'https://sqs.eu-central-1.amazonaws.com/1/x.fifo', 'standard SQS queue'],
  ['ESPALIER_STORE', 's3://', 's3://bucket'],
  ['ESPALIER_DEVICE', 'gpu', 'auto, cuda, cpu'],
  ['MAX_JOBS', '0', 'from 1 to 64'],
  ['MAX_JOBS', 'four', 'from 1 to 64'],
  ['MAX_JOBS', '1e1', 'from 1 to 64'],
  ['ESPALIER_THREADS', '-1', 'from 1 to 256'],
  ['ESPALIER_LOG_LEVEL', 'loud', 'silent'],
  ['ESPALIER_STORE', 'ftp://host/x', 'file:///'],
  ['ESPALIER_STORE', 'file://host/x', 'three slashes'],
  ['ESPALIER_QUEUE_FINISH', 'redis://x', 'memory:'],
])('%s=%s is refused, with variable, value and remedy', (name, value, remedy) => {
  try {
    parseSettings({ [name]: value }, host);
    throw new Error('accepted');
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    expect([error.code, error.field]).toEqual(['SETTING_INVALID', name]);
    expect(error.message).toContain(name);
    expect(error.message).toContain(value);
    expect(error.message).toContain(remedy);
  }
});

it('takes a plain path as a store, from wherever it stands', () => {
  expect(parseStore('/srv/bucket').url).toBe('file:///srv/bucket');
  expect(parseStore('bucket')).toMatchObject({ kind: 'folder', path: `${process.cwd()}/bucket` });
  expect(() => parseStore('gs://x', '--store')).toThrow("--store: 'gs://x'");
});
