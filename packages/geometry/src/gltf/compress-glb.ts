/** Smaller geometry in a GLB that is written already. */
import type { GlbGeometry } from '@espalier/contracts';

const QUANTIZATION = { quantizePosition: 14, quantizeNormal: 10, quantizeTexcoord: 14 } as const;

/**
 * Bytes in, bytes out: all of glTF-Transform is imported late, and together. In a thread that was started through
 * `require` it is there twice, once for `require` and once for `import()`; a document of the one makes the other's
 * transforms leave nodes alone, and with them the scale that quantised positions need.
 *
 * @param glb with the extensions that `exportGlb` writes
 */
export async function compressGlb(glb: Uint8Array, geometry: Exclude<GlbGeometry, 'plain'>): Promise<Uint8Array> {
  const [{ Logger, Verbosity, WebIO }, extensions, { meshopt, quantize }] = await Promise.all([
    import('@gltf-transform/core'),
    import('@gltf-transform/extensions'),
    import('@gltf-transform/functions'),
  ]);
  const { EXTMeshoptCompression, EXTTextureWebP, KHRMeshQuantization, KHRTextureBasisu } = extensions;
  const io = new WebIO().registerExtensions([
    EXTTextureWebP,
    KHRTextureBasisu,
    KHRMeshQuantization,
    EXTMeshoptCompression,
  ]);
  const document = (await io.readBinary(glb)).setLogger(new Logger(Verbosity.SILENT));
  if (geometry === 'quantized') {
    await document.transform(quantize(QUANTIZATION));
  } else {
    const { MeshoptEncoder } = await import('meshoptimizer');
    await MeshoptEncoder.ready;
    io.registerDependencies({ 'meshopt.encoder': MeshoptEncoder });
    await document.transform(meshopt({ encoder: MeshoptEncoder, level: 'high', ...QUANTIZATION }));
  }
  return io.writeBinary(document);
}
