#!/usr/bin/env node
// The RunPod worker. Sources run as they are: tsx loads TypeScript in this process.
import { register } from 'tsx/esm/api';

register();
await import('../src/main.ts');
