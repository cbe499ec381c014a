export * from './dispatcher.ts';
export * from './endpoint.ts';
export * from './settings.ts';
export * from './webhook-server.ts';
