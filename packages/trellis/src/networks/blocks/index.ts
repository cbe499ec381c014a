export * from './attention.ts';
export * from './channel-norms.ts';
export * from './feed-forward.ts';
export * from './modulated-cross-block.ts';
export * from './position-embedding.ts';
export * from './qk-rms-norm.ts';
export * from './timestep-embedder.ts';
