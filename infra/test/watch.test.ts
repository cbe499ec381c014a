import { WorkerMetrics } from '@espalier/worker';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { COLLECTED } from '../lib/watch/collector.ts';
import { stacksOf, templatesOf } from './stacks.ts';

describe('to be seen', () => {
  it('collects metrics that workers have, with the labels they carry', async () => {
    const known = await new WorkerMetrics().registry.getMetricsAsArray();
    for (const [name, labels] of Object.entries(COLLECTED)) {
      const metric = known.find((each) => each.name === name) as { name: string; labelNames?: string[] } | undefined;
      expect({ name: metric?.name, labels: metric?.labelNames ?? [] }).toEqual({ name, labels });
    }
  });

  it('alarms about dead letters, age, steals, failures and cost, and tells somebody', () => {
    const alarms = Object.entries(templatesOf().operations.findResources('AWS::CloudWatch::Alarm'));
    const names = alarms.map(([id]) => id.replace(/^Alarms/, '').replace(/[0-9A-F]{8}$/, ''));
    expect(names.sort()).toEqual([
      'CostPerAsset',
      'DeadLettersfinish',
      'DeadLettersgenerate',
      'DeadLettersnotify',
      'FailureRate',
      'LeaseSteals',
      'QueueAgefinish',
      'QueueAgegenerate',
      'QueueAgenotify',
    ]);
    for (const [, { Properties }] of alarms) {
      expect(Properties.AlarmActions).toHaveLength(1);
      expect(Properties.AlarmDescription.length).toBeGreaterThan(20);
    }
  });

  it('needs no fleet for the alarms about queues', () => {
    const { operations } = stacksOf({ fleet: 'none' });
    Template.fromStack(operations).resourceCountIs('AWS::CloudWatch::Alarm', 6);
  });
});
