export * from './folder/folder-store.ts';
export * from './keys.ts';
export * from './object-store.ts';
export * from './open-store.ts';
