export * from './digests.ts';
export * from './model-repository.ts';
export * from './network-config.ts';
export * from './pipeline-config.ts';
export { ownerAliases, PULLED_REF } from './places.ts';
export * from './published-models.ts';
export * from './repository-files.ts';
