export * from './access/api-keys.ts';
export * from './access/guard.ts';
export * from './gateway.ts';
export * from './options.ts';
