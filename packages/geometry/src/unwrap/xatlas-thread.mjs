/**
 * Worker thread that runs xatlas, which can be neither watched nor stopped from within its own thread. Plain
 * JavaScript: a thread that has to load a TypeScript loader first takes ten times as long to start.
 *
 * Takes an `XatlasRequest` as worker data; posts `'started'`, then one `XatlasReply` (see `unwrap.ts`).
 */
import { parentPort, workerData } from 'node:worker_threads';
import * as xatlas from 'watlas';

const { positions, indices, size, padding } = workerData;
await xatlas.Initialize();
const atlas = new xatlas.Atlas();
atlas.addMesh({
  vertexPositionData: positions,
  vertexCount: positions.length / 3,
  vertexPositionStride: 12,
  indexData: indices,
  indexCount: indices.length,
});
parentPort?.postMessage('started');
// Without these three a third of the triangles come out mirrored.
atlas.generate(
  { fixWinding: true, maxIterations: 1 },
  { resolution: size, padding, bilinear: true, rotateCharts: false, rotateChartsToAxis: false },
);
if (atlas.atlasCount !== 1) throw new Error(`xatlas made ${atlas.atlasCount} atlases`);
const mesh = atlas.getMesh(0);
const reply = {
  indices: new Uint32Array(mesh.indexCount),
  uvs: new Float32Array(mesh.vertexCount * 2),
  source: new Uint32Array(mesh.vertexCount),
  charts: atlas.chartCount,
};
mesh.getIndexArray(reply.indices);
for (let v = 0; v < reply.source.length; v++) {
  const vertex = mesh.getVertex(v);
  if (vertex.atlasIndex < 0) throw new Error(`xatlas left vertex ${v} without a chart`);
  // The atlas may be larger than asked for. xatlas winds charts with v up, glTF's v points down.
  reply.uvs[v * 2] = vertex.uv[0] / atlas.width;
  reply.uvs[v * 2 + 1] = 1 - vertex.uv[1] / atlas.height;
  reply.source[v] = vertex.xref;
}
parentPort?.postMessage(reply, [reply.indices.buffer, reply.uvs.buffer, reply.source.buffer]);
