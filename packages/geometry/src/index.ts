export { bake, bakeBand, bandCount, spreadTexels } from './bake/bake.ts';
export {
  type BakeDetail,
  type BakedTexels,
  type BakePlan,
  type BakeTarget,
  bakeDetail,
  bakeTarget,
  emptyTexels,
} from './bake/bake-plan.ts';
export type { Image } from './bake/image.ts';
export { gaussiansToPly, gaussiansToSplat } from './export/gaussians.ts';
export { gaussiansToSpz } from './export/gaussians-spz.ts';
export { meshToObj, meshToStl, type ObjFiles, type ObjNames } from './export/mesh-files.ts';
export { type ExtractSurfaceOptions, extractSurface } from './flexicubes/extract-surface.ts';
export { FEATURE_CHANNELS, type SparseVoxels } from './flexicubes/voxel-field.ts';
export * from './gaussians.ts';
export { type AssetStats, describeAsset } from './gltf/asset-stats.ts';
export { encodeImage, type ImageFormat } from './gltf/encode-image.ts';
export { type ExportGlbOptions, exportGlb } from './gltf/export-glb.ts';
export { type TexturedMesh, unwrappedNormals } from './gltf/textured-mesh.ts';
export { type GlbReport, validateGlb } from './gltf/validate-glb.ts';
export type { Interruptible } from './interruptible.ts';
export * from './mesh/mesh.ts';
export { vertexNormals } from './mesh/normals.ts';
export { vertexTangents } from './mesh/tangents.ts';
export { boundsOf, inspectTopology, type Topology } from './mesh/topology.ts';
export { type Camera, orbitCamera } from './raster/camera.ts';
export { joinImages, type PreviewOptions, renderPreview, renderTurntable } from './raster/preview.ts';
export { type RenderableMesh, type RenderOptions, renderMesh } from './raster/render.ts';
export { shareArrays } from './shared-arrays.ts';
export { type GaussianParts, gaussianParts } from './spatial/gaussian-parts.ts';
export { TriangleBvh } from './spatial/triangle-bvh.ts';
export {
  type CleanSurfaceOptions,
  type CleanSurfaceReport,
  type CleanSurfaceResult,
  cleanSurface,
  type SurfaceCrew,
} from './surface/clean-surface.ts';
export { SILHOUETTE_TOLERANCE, type SimplifyOptions, type SimplifyResult, simplify } from './surface/simplify.ts';
export { SURFACE_STEPS, type SurfaceStep, type SurfaceSteps } from './surface/surface-steps.ts';
export { UNWRAP_DEFAULTS, type UnwrapOptions, unwrap } from './unwrap/unwrap.ts';
export type { UnwrappedMesh, UnwrapReport } from './unwrap/unwrapped-mesh.ts';
