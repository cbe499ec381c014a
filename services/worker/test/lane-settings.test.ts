import { expect, it } from 'vitest';
import { parseLaneSettings } from '../src/index.ts';

it('has a default for everything', () => {
  expect(parseLaneSettings({})).toEqual({
    lanes: ['generate', 'finish'],
    generateLarge: undefined,
    large: false,
    spotNotice: false,
    metricsPort: undefined,
    sweepSeconds: 300,
  });
});

it('reads every variable; the option goes first', () => {
  const url = 'https://sqs.eu-central-1.amazonaws.com/1/large';
  const environment = {
    ESPALIER_LANES: 'finish',
    ESPALIER_QUEUE_GENERATE_LARGE: url,
    ESPALIER_MACHINE_CLASS: 'large',
    ESPALIER_SPOT_NOTICE: 'on',
    ESPALIER_METRICS_PORT: '9464',
    ESPALIER_SWEEP_SECONDS: '0',
  };
  const expected = {
    generateLarge: { kind: 'sqs', url },
    large: true,
    spotNotice: true,
    metricsPort: 9464,
    sweepSeconds: 0,
  };
  expect(parseLaneSettings(environment)).toEqual({ lanes: ['finish'], ...expected });
  expect(parseLaneSettings(environment, 'notify, generate').lanes).toEqual(['generate', 'notify']);
});

it.each([
  ['ESPALIER_LANES', 'paint'],
  ['ESPALIER_LANES', 'generate,'],
  ['ESPALIER_QUEUE_GENERATE_LARGE', 'redis://x'],
  ['ESPALIER_MACHINE_CLASS', 'huge'],
  ['ESPALIER_SPOT_NOTICE', 'yes'],
  ['ESPALIER_METRICS_PORT', '-1'],
  ['ESPALIER_SWEEP_SECONDS', 'often'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => parseLaneSettings({ [name]: value })).toThrow(`${name}: '${value}'`);
});
