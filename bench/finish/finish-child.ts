/**
 * The whole finish of one scene in a process of its own, stage by stage; the last line printed is its figures as JSON.
 * Arguments: scene, resolution, number of Gaussians, texture size, folder for the meshes that others measure,
 * threads of the pool.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@espalier/contracts';
import { cleanSurface, inspectTopology, type RawMesh } from '@espalier/geometry';
import { bakeTextures, CpuPool, surfaceCrew } from '@espalier/pipeline';
import { floatToHalf } from '@espalier/tensors';
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
  /** Of the unwrapping alone, which `texture` holds, too. */
  readonly unwrap: { readonly seconds: number; readonly cpuSeconds: number };
  readonly peakBytes: number;
  readonly hiddenFaces: number;
  readonly watertight: boolean;
  readonly manifold: boolean;
  readonly errors: number;
  readonly warnings: number;
  readonly unwrapMethod: string;
}

const [name = '', resolution = '', gaussianCount = '', textureSize = '', folder = '', threads = '2'] =
  process.argv.slice(2);
const scene = SCENES.find((candidate) => candidate.name === name);
if (scene === undefined) throw new Error(`no scene ${name}`);
const { raw, outer } = extractScene(scene, Number(resolution));
const gaussians = await sampleGaussians(outer, scene, Number(gaussianCount));
const half = floatToHalf;
const packed = {
  positions: gaussians.positions,
  sh0: half(gaussians.sh0),
  scales: half(gaussians.scales),
  rotations: half(gaussians.rotations),
  opacities: half(gaussians.opacities),
};
save('raw', raw);
save('outer', outer);
globalThis.gc?.();

interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function costOf<T>(work: () => T | Promise<T>): Promise<{ value: T; cost: Cost }> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const value = await work();
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  return { value, cost: { seconds, cpuSeconds: (used.user + used.system) / 1e6 } };
}

const seconds: Record<string, number> = {};
const cpuSeconds: Record<string, number> = {};
async function timed<T>(stage: string, work: () => T | Promise<T>): Promise<T> {
  const { value, cost } = await costOf(work);
  seconds[stage] = cost.seconds;
  cpuSeconds[stage] = cost.cpuSeconds;
  return value;
}

const size = Number(textureSize);
const pool = new CpuPool({ size: Number(threads), logger: silentLogger });
// Threads that wait for work: a service has them, and what starting one costs is another bench's matter.
await Promise.all(Array.from({ length: Number(threads) }, () => pool.run('detail', tiny(outer))));
const { mesh, clean, report } = await timed('surface', () => {
  return cleanSurface(raw, { simplify: 0.95, maxFaces: 200_000 }, surfaceCrew(pool));
});
// Once more by itself, for the comparison with Python, and not part of the whole.
const { cost: unwrap } = await costOf(() => pool.run('unwrap', { mesh, textureSize: size }));
const textured = await timed('texture', () => {
  return bakeTextures(pool, { mesh, clean, gaussians: packed, textureSize: size });
});
const exported = await timed('export', () => pool.run('export', { ...textured, smooth: mesh, extras: {} }));
await pool.close();
const { glb, validator: validation } = exported;
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
  unwrap,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  hiddenFaces: report.hiddenFaces,
  watertight: topology.watertight,
  manifold: topology.manifold,
  errors: validation.errors,
  warnings: validation.warnings,
  unwrapMethod: textured.report.method,
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

function tiny({ positions, attributes }: RawMesh): RawMesh {
  return { positions, attributes, indices: Uint32Array.of(0, 1, 2) };
}
