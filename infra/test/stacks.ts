/** The deployment's stacks as a test wants them: synthesized in memory, with the flags of `cdk.json`. */
import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { FleetOptions } from '../lib/config.ts';
import { buildApp } from '../lib/espalier-app.ts';

const FLAGS = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')).context;

/** Images by name: those built from the checkout change with every line of code. */
export const IMAGES = { gpuImage: 'registry.example/espalier-gpu:1', cpuImage: 'registry.example/espalier-cpu:1' };

export function stacksOf(options: FleetOptions = {}) {
  const app = new App({ context: { ...FLAGS, ...IMAGES, ...options } });
  const stacks = buildApp(app);
  return { app, ...stacks };
}

export function templatesOf(options: FleetOptions = {}) {
  const { jobs, fleet, operations } = stacksOf(options);
  if (fleet === undefined) throw new Error('these options make no fleet');
  return {
    jobs: Template.fromStack(jobs),
    fleet: Template.fromStack(fleet),
    operations: Template.fromStack(operations),
  };
}
