export * from './folder/folder-store.ts';
export * from './keys.ts';
export * from './link-signer.ts';
export * from './object-store.ts';
export * from './open-store.ts';
export * from './probe.ts';
export * from './s3/open.ts';
