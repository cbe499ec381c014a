import { describe, expect, it } from 'vitest';
import { readConfig } from '../lib/config.ts';

describe('readConfig', () => {
  it('has an answer for everything', () => {
    expect(readConfig({})).toMatchObject({
      fleet: 'aws',
      spotShare: 1,
      minMachines: 0,
      maxMachines: 8,
      weights: 'mirror',
    });
  });

  it('reads what a command line gives as text', () => {
    const config = readConfig({ maxMachines: '40', spotShare: '0.75', instanceTypes: 'g6.xlarge, g5.xlarge' });
    expect(config).toMatchObject({ maxMachines: 40, spotShare: 0.75, instanceTypes: ['g6.xlarge', 'g5.xlarge'] });
  });

  it("leaves CDK's own keys alone", () => {
    const context = { '@aws-cdk/core:checkSecretUsage': true, 'aws:cdk:bundling-stacks': ['**'] };
    expect(readConfig(context)).toEqual(readConfig({}));
  });

  it.each([
    [{ spotShare: '2' }, /spotShare: '2' cannot be used/],
    [{ maxMachines: 'many' }, /maxMachines: 'many' cannot be used/],
    [{ maxMachine: '4' }, /unknown: maxMachine; known are .*maxMachines/],
    [{ minMachines: 9 }, /minMachines: '9' cannot be used: it must not be more than maxMachines/],
    [{ vpcId: 'vpc-0123456789abcdef0' }, /subnetIds: .*give it with vpcId/],
    [{ region: 'Frankfurt' }, /region: 'Frankfurt' cannot be used: give a region such as/],
    [{ bucketName: 's3://assets' }, /bucketName: .*by its name alone/],
    [{ instanceTypes: 'p5.48xlarge' }, /instanceTypes: .*g5, g6 or g6e/],
    [{ runpodEndpoint: 'ep1' }, /runpodKeySecret: .*give it with runpodEndpoint/],
    [
      { runpodEndpoint: 'https://api.runpod.ai/v2/ep1', runpodKeySecret: 'runpod' },
      /runpodEndpoint: .*as its URL has it/,
    ],
    [{ weights: 'volume' }, /weights: 'volume' cannot be used/],
  ])('refuses %j and says why', (context, message) => {
    expect(() => readConfig(context)).toThrow(message);
  });

  it('names every fault at once', () => {
    expect(() => readConfig({ spotShare: 7, fleet: 'gcp' })).toThrow(/spotShare[\s\S]*fleet|fleet[\s\S]*spotShare/);
  });
});
