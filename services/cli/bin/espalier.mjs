#!/usr/bin/env node
// Sources run as they are: tsx loads TypeScript in this process; children get it by flag (nodeFlagsFor).
import { register } from 'tsx/esm/api';

register();
await import('../src/main.ts');
