export * from './catalog.ts';
export { HubCache } from './hub-cache.ts';
export * from './hub-source.ts';
export * from './lock-file.ts';
export * from './mirror.ts';
export * from './pull.ts';
export * from './source.ts';
export * from './verify.ts';
