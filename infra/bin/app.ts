/** The CDK app: `npx cdk synth` at the repository's root writes the templates, without an account or a network. */
import { App } from 'aws-cdk-lib';
import { buildApp } from '../lib/espalier-app.ts';

buildApp(new App());
