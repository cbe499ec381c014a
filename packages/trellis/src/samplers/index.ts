export * from './flow-euler.ts';
