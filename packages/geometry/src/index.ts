export { type ExtractSurfaceOptions, extractSurface } from './flexicubes/extract-surface.ts';
export { FEATURE_CHANNELS, type SparseVoxels } from './flexicubes/voxel-field.ts';
export * from './gaussians.ts';
export type { Interruptible } from './interruptible.ts';
export * from './mesh/mesh.ts';
export { inspectTopology, type Topology } from './mesh/topology.ts';
