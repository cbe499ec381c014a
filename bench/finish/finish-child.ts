/**
 * The whole finish of one scene in a process of its own, stage by stage; the last line printed is its figures as JSON.
 * Arguments: scene, resolution, number of Gaussians, texture size, folder for the meshes that others measure.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bakeAttributes,
  bakeGaussians,
  bakeNormals,
  cleanSurface,
  exportGlb,
  inspectTopology,
  mapTexels,
  type RawMesh,
  TriangleBvh,
  unwrap,
  unwrappedNormals,
  validateGlb,
  vertexTangents,
} from '@espalier/geometry';
import { extractScene, SCENES, sampleGaussians } from './scenes.ts';

export interface FinishFigures {
  readonly scene: string;
  readonly rawFaces: number;
  readonly faces: number;
  readonly gaussians: number;
  /** Wall seconds per stage. */
  readonly seconds: Readonly<Record<string, number>>;
  /** Processor seconds of all threads per stage: what a busy machine does not distort. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  readonly peakBytes: number;
  readonly hiddenFaces: number;
  readonly watertight: boolean;
  readonly manifold: boolean;
  readonly errors: number;
  readonly warnings: number;
  readonly unwrapMethod: string;
}

const [name = '', resolution = '', gaussianCount = '', textureSize = '', folder = ''] = process.argv.slice(2);
const scene = SCENES.find((candidate) => candidate.name === name);
if (scene === undefined) throw new Error(`no scene ${name}`);
const { raw, outer } = extractScene(scene, Number(resolution));
const gaussians = await sampleGaussians(outer, scene, Number(gaussianCount));
save('raw', raw);
save('outer', outer);
globalThis.gc?.();

const seconds: Record<string, number> = {};
const cpuSeconds: Record<string, number> = {};
async function timed<T>(stage: string, work: () => T | Promise<T>): Promise<T> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const result = await work();
  seconds[stage] = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  cpuSeconds[stage] = (used.user + used.system) / 1e6;
  return result;
}

const size = Number(textureSize);
const { mesh, clean, report } = await timed('surface', () => cleanSurface(raw, { simplify: 0.95 }));
const { mesh: target, report: unwrapReport } = await timed('unwrap', () => unwrap(mesh, { textureSize: size }));
const normals = unwrappedNormals(mesh, target);
const tangents = vertexTangents(target, normals);
const texels = mapTexels(target, size);
const tree = await timed('tree', () => new TriangleBvh(clean));
const fallback = await timed('attributes', () =>
  bakeAttributes({ target, source: clean, textureSize: size, texels, tree }),
);
const baseColor = await timed('gaussians', () =>
  bakeGaussians({ target, normals, gaussians, textureSize: size, texels, fallback }),
);
const normalMap = await timed('normals', () =>
  bakeNormals({ target, normals, tangents, source: clean, textureSize: size, texels, tree }),
);
const glb = await timed('export', () => exportGlb({ mesh: { ...target, normals, tangents, baseColor, normalMap } }));
const validation = await validateGlb(glb);
save('simplified', mesh);
writeFileSync(join(folder, `${name}.glb`), glb);
const topology = inspectTopology(mesh);
const figures: FinishFigures = {
  scene: name,
  rawFaces: raw.indices.length / 3,
  faces: mesh.indices.length / 3,
  gaussians: gaussians.count,
  seconds,
  cpuSeconds,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  hiddenFaces: report.hiddenFaces,
  watertight: topology.watertight,
  manifold: topology.manifold,
  errors: validation.errors,
  warnings: validation.warnings,
  unwrapMethod: unwrapReport.method,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);

function save(role: string, { positions, indices }: Pick<RawMesh, 'positions' | 'indices'>): void {
  writeFileSync(
    join(folder, `${name}-${role}.f32`),
    Buffer.from(positions.buffer, positions.byteOffset, positions.byteLength),
  );
  writeFileSync(
    join(folder, `${name}-${role}.u32`),
    Buffer.from(indices.buffer, indices.byteOffset, indices.byteLength),
  );
}
