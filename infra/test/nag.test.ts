import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, it } from 'vitest';
import type { FleetOptions } from '../lib/config.ts';
import { buildApp } from '../lib/espalier-app.ts';
import { IMAGES } from './stacks.ts';

/** Findings of a synthesis, as CDK writes them down. */
function findings(options: FleetOptions, spoil: (app: App) => void = () => {}): string[] {
  const outdir = mkdtempSync(join(tmpdir(), 'espalier-nag-'));
  const app = new App({ outdir, context: { ...IMAGES, ...options } });
  buildApp(app);
  spoil(app);
  const exitCode = process.exitCode;
  try {
    app.synth();
  } catch {
    // What it found stands in the report.
  } finally {
    process.exitCode = exitCode;
  }
  const report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8'));
  return JSON.stringify(report).match(/AwsSolutions-[A-Z]+\d+(\[[^\]]*\])?/g) ?? [];
}

describe('cdk-nag, AwsSolutions', () => {
  it.each<[string, FleetOptions]>([
    ['a new bucket and network', {}],
    [
      'an existing bucket and network, and a snapshot',
      {
        bucketName: 'assets-of-ours',
        storePrefix: 'team/espalier',
        region: 'eu-central-1',
        weights: 'snap-0123456789abcdef0',
        vpcId: 'vpc-0123456789abcdef0',
        subnetIds: 'subnet-0123456789abcdef0',
        availabilityZones: 'eu-central-1a',
      },
    ],
    ['no fleet', { fleet: 'none' }],
    ['a dispatcher', { fleet: 'none', runpodEndpoint: 'ep1', runpodKeySecret: 'runpod', storePrefix: 'team' }],
  ])('finds nothing unexplained with %s', (_name, options) => {
    expect(findings(options)).toEqual([]);
  });

  it('would find an open bucket, so its silence means something', () => {
    const found = findings({}, (app) => {
      new CfnBucket(app.node.findChild('EspalierJobs'), 'Open');
    });
    expect(found).toContain('AwsSolutions-S1');
  });
});
