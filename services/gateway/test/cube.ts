/** Makes `cube.glb`, a textured cube in several colours: `node --import tsx services/gateway/test/cube.ts`. */
import { writeFileSync } from 'node:fs';
import { Document, NodeIO } from '@gltf-transform/core';
import sharp from 'sharp';

const COLOURS = ['#b5542b', '#e0b04a', '#3f7d4e', '#2f6f8f', '#8d4a7c', '#d9d2c3'];
const FACES: [number[], number[], number[]][] = [
  [
    [1, 0, 0],
    [0, 0, -1],
    [0, 1, 0],
  ],
  [
    [-1, 0, 0],
    [0, 0, 1],
    [0, 1, 0],
  ],
  [
    [0, 1, 0],
    [1, 0, 0],
    [0, 0, -1],
  ],
  [
    [0, -1, 0],
    [1, 0, 0],
    [0, 0, 1],
  ],
  [
    [0, 0, 1],
    [1, 0, 0],
    [0, 1, 0],
  ],
  [
    [0, 0, -1],
    [-1, 0, 0],
    [0, 1, 0],
  ],
];

const positions: number[] = [];
const normals: number[] = [];
const uvs: number[] = [];
const indices: number[] = [];
for (const [face, [n, u, v]] of FACES.entries()) {
  for (const [a, b] of [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ] as const) {
    for (let axis = 0; axis < 3; axis += 1)
      positions.push(((n[axis] ?? 0) + a * (u[axis] ?? 0) + b * (v[axis] ?? 0)) / 2);
    normals.push(...n);
    uvs.push((face + (a + 1) / 2) / FACES.length, (1 - b) / 2);
  }
  indices.push(...[0, 1, 2, 0, 2, 3].map((corner) => face * 4 + corner));
}
const stripes = COLOURS.map((colour, i) => `<rect x="${i * 32}" width="32" height="32" fill="${colour}"/>`).join('');
const texture = await sharp(
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="192" height="32">${stripes}</svg>`),
)
  .png()
  .toBuffer();

const document = new Document();
const buffer = document.createBuffer();
const accessor = (type: 'VEC3' | 'VEC2' | 'SCALAR', array: Float32Array | Uint16Array) =>
  document
    .createAccessor()
    .setType(type)
    .setArray(array as Float32Array<ArrayBuffer>)
    .setBuffer(buffer);
const material = document
  .createMaterial('cube')
  .setBaseColorTexture(document.createTexture('stripes').setImage(texture).setMimeType('image/png'))
  .setMetallicFactor(0)
  .setRoughnessFactor(0.8);
const primitive = document
  .createPrimitive()
  .setAttribute('POSITION', accessor('VEC3', new Float32Array(positions)))
  .setAttribute('NORMAL', accessor('VEC3', new Float32Array(normals)))
  .setAttribute('TEXCOORD_0', accessor('VEC2', new Float32Array(uvs)))
  .setIndices(accessor('SCALAR', new Uint16Array(indices)))
  .setMaterial(material);
document
  .createScene()
  .addChild(document.createNode('cube').setMesh(document.createMesh('cube').addPrimitive(primitive)));
writeFileSync(new URL('./cube.glb', import.meta.url), await new NodeIO().writeBinary(document));
