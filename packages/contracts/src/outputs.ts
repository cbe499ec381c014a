/** What a job can ask for beside `model.glb` and `stats.json`, which every job makes. */

/** How a GLB's textures are stored; the first is what `model.glb` has. */
export const GLB_TEXTURES = ['png', 'jpeg', 'webp', 'ktx2'] as const;
export type GlbTexture = (typeof GLB_TEXTURES)[number];

/** How its geometry is stored: as 32-bit floats, quantised, or quantised and compressed for meshopt decoders. */
export const GLB_GEOMETRIES = ['plain', 'quantized', 'meshopt'] as const;
export type GlbGeometry = (typeof GLB_GEOMETRIES)[number];

export interface GlbVariant {
  readonly texture: GlbTexture;
  readonly geometry: GlbGeometry;
}

/** GLB files by the output's name, which says nothing of PNG and of plain geometry. */
export const GLB_VARIANTS = {
  glb: { texture: 'png', geometry: 'plain' },
  'glb-quantized': { texture: 'png', geometry: 'quantized' },
  'glb-meshopt': { texture: 'png', geometry: 'meshopt' },
  'glb-jpeg': { texture: 'jpeg', geometry: 'plain' },
  'glb-jpeg-quantized': { texture: 'jpeg', geometry: 'quantized' },
  'glb-jpeg-meshopt': { texture: 'jpeg', geometry: 'meshopt' },
  'glb-webp': { texture: 'webp', geometry: 'plain' },
  'glb-webp-quantized': { texture: 'webp', geometry: 'quantized' },
  'glb-webp-meshopt': { texture: 'webp', geometry: 'meshopt' },
  'glb-ktx2': { texture: 'ktx2', geometry: 'plain' },
  'glb-ktx2-quantized': { texture: 'ktx2', geometry: 'quantized' },
  'glb-ktx2-meshopt': { texture: 'ktx2', geometry: 'meshopt' },
} as const satisfies Record<string, GlbVariant>;
export type GlbOutput = keyof typeof GLB_VARIANTS;

/** Files of the other outputs. */
export const OTHER_FILES = {
  ply: ['gaussians.ply'],
  splat: ['gaussians.splat'],
  spz: ['gaussians.spz'],
  obj: ['model.obj', 'model.mtl', 'texture.png'],
  stl: ['model.stl'],
  preview: ['preview.webp'],
  turntable: ['turntable.webp'],
} as const;
export type Output = GlbOutput | keyof typeof OTHER_FILES;

export const OUTPUTS = [...Object.keys(GLB_VARIANTS), ...Object.keys(OTHER_FILES)] as unknown as readonly [
  Output,
  ...Output[],
];
/** What a job gets that names none; also always made, since everything else goes by it. */
export const DEFAULT_OUTPUTS: readonly Output[] = ['glb'];

export function isGlbOutput(output: Output): output is GlbOutput {
  return output in GLB_VARIANTS;
}

/** Names of the files that an output consists of, below `results/<id>/`: `glb-webp` is `model-webp.glb`. */
export function outputFiles(output: Output): readonly string[] {
  return isGlbOutput(output) ? [`model${output.slice('glb'.length)}.glb`] : OTHER_FILES[output];
}
