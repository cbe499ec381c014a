/** `docs/images/finish.png`: one row per scene, the raw surface on the left, the finished asset on the right. */

import { mkdirSync, writeFileSync } from 'node:fs';
import {
  bake,
  bakeDetail,
  bakeTarget,
  cleanSurface,
  encodeImage,
  gaussianParts,
  type Image,
  joinImages,
  type PreviewOptions,
  type RenderableMesh,
  renderPreview,
  unwrap,
} from '@espalier/geometry';
import { extractScene, type Scene, sampleGaussians } from './scenes.ts';

const RESOLUTION = 192;
const TILE = 400;

export async function writeContactSheet(scenes: readonly Scene[]): Promise<void> {
  const rows: Image[] = [];
  for (const scene of scenes) rows.push(joinImages(await drawScene(scene)));
  const width = rows[0]?.width ?? 0;
  const data = new Uint8Array(rows.reduce((sum, row) => sum + row.data.length, 0));
  rows.reduce((at, row) => {
    data.set(row.data, at);
    return at + row.data.length;
  }, 0);
  const sheet: Image = { width, height: TILE * rows.length, channels: 4, data };
  const folder = new URL('../../docs/images/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('finish.png', folder), await encodeImage(sheet, 'png'));
}

/** Raw cut open, cleaned cut open, simplified with its edges, textured, shape with the normal map's light. */
async function drawScene(scene: Scene): Promise<Image[]> {
  const { raw, outer } = extractScene(scene, RESOLUTION);
  const gaussians = await sampleGaussians(outer, scene, 400_000);
  const { mesh, clean } = await cleanSurface(raw, { simplify: 0.97 });
  const { mesh: unwrapped } = await unwrap(mesh, { textureSize: 1024 });
  const target = bakeTarget(mesh, unwrapped, 1024);
  const { normals, tangents } = target;
  const { baseColor, normalMap } = bake({ target, detail: bakeDetail(clean), gaussians: gaussianParts(gaussians) });
  const draw = (drawn: RenderableMesh, options: PreviewOptions = {}) =>
    renderPreview(drawn, { size: TILE, background: [1, 1, 1, 1], supersample: 3, ...options });
  const finished = { ...unwrapped, normals, tangents, baseColor };
  return [
    draw(cutOpen(raw), { shading: 'flat' }),
    draw(cutOpen(clean), { shading: 'flat' }),
    draw(mesh, { shading: 'flat', wireframe: true }),
    draw(finished),
    draw({ ...finished, normalMap }),
  ];
}

/** Without the faces in the quarter that looks at the viewer. */
function cutOpen({ positions, indices }: RenderableMesh): RenderableMesh {
  const kept: number[] = [];
  for (let i = 0; i < indices.length; i += 3) {
    const vertex = (indices[i] as number) * 3;
    const isGone = (positions[vertex] as number) > 0.05 && (positions[vertex + 1] as number) < 0;
    if (!isGone) kept.push(indices[i] as number, indices[i + 1] as number, indices[i + 2] as number);
  }
  return { positions, indices: Uint32Array.from(kept) };
}
