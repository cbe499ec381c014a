/** Media types of the files in a bucket, for those who fetch them. */

const TYPES: Readonly<Record<string, string>> = {
  glb: 'model/gltf-binary',
  obj: 'model/obj',
  mtl: 'model/mtl',
  stl: 'model/stl',
  png: 'image/png',
  webp: 'image/webp',
  json: 'application/json',
};

/** By the name's ending; what has no type of its own is bytes. */
export function contentTypeOf(name: string): string {
  return TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}
