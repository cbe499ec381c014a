/** Settings of a worker that serves queues, from environment variables. */
import {
  type Environment,
  invalidSetting,
  parseQueue,
  type QueueLocation,
  WORK_LANES,
  type WorkLane,
} from '@espalier/contracts';

export interface LaneSettings {
  /** `ESPALIER_LANES`, or `--lanes`. `notify` is the notifier's. @defaultValue generate,finish */
  readonly lanes: readonly (WorkLane | 'notify')[];
  /** `ESPALIER_QUEUE_GENERATE_LARGE`: where machines with more memory look. */
  readonly generateLarge: QueueLocation | undefined;
  /** `ESPALIER_MACHINE_CLASS=large`: this machine is one of them. @defaultValue false */
  readonly large: boolean;
  /** `ESPALIER_SPOT_NOTICE=on`: watch EC2's metadata service. @defaultValue false */
  readonly spotNotice: boolean;
  /** `ESPALIER_METRICS_PORT`: serve `/metrics` there. @defaultValue not served */
  readonly metricsPort: number | undefined;
  /** `ESPALIER_SWEEP_SECONDS`, 0 for none. @defaultValue 300 */
  readonly sweepSeconds: number;
}

const LANES = [...WORK_LANES, 'notify'] as const;

/**
 * @param lanes the option's value, before the variable
 * @throws TerminalError SETTING_INVALID naming variable, value and remedy
 */
export function parseLaneSettings(environment: Environment, lanes?: string): LaneSettings {
  const text = (name: string) => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const choice = <T extends string>(name: string, values: readonly T[]): T | undefined => {
    const value = text(name);
    const found = values.find((candidate) => candidate === value);
    if (value !== undefined && found === undefined)
      throw invalidSetting(name, value, `give one of: ${values.join(', ')}`);
    return found;
  };
  const whole = (name: string, most: number): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    if (/^\d+$/.test(value) && Number(value) <= most) return Number(value);
    throw invalidSetting(name, value, `give a whole number from 0 to ${most}`);
  };
  const large = text('ESPALIER_QUEUE_GENERATE_LARGE');
  return {
    lanes: lanesOf(lanes ?? text('ESPALIER_LANES'), lanes === undefined ? 'ESPALIER_LANES' : '--lanes'),
    generateLarge: large === undefined ? undefined : parseQueue(large, 'ESPALIER_QUEUE_GENERATE_LARGE'),
    large: choice('ESPALIER_MACHINE_CLASS', ['standard', 'large']) === 'large',
    spotNotice: choice('ESPALIER_SPOT_NOTICE', ['on', 'off']) === 'on',
    metricsPort: whole('ESPALIER_METRICS_PORT', 65_535),
    sweepSeconds: whole('ESPALIER_SWEEP_SECONDS', 86_400) ?? 300,
  };
}

function lanesOf(value: string | undefined, source: string): LaneSettings['lanes'] {
  if (value === undefined) return WORK_LANES;
  const names = value.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !LANES.some((lane) => lane === name));
  if (unknown !== undefined) throw invalidSetting(source, value, `give some of: ${LANES.join(',')}`);
  return LANES.filter((lane) => names.includes(lane));
}
