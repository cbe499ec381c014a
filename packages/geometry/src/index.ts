export * from './gaussians.ts';
export * from './mesh.ts';
