/** Pixels of a KTX2 file by Basis Universal's own transcoder. */

interface Ktx2File {
  isValid(): boolean | number;
  getWidth(): number;
  getHeight(): number;
  startTranscoding(): boolean | number;
  transcodeImage(
    target: Uint8Array,
    level: number,
    layer: number,
    face: number,
    format: number,
    flags: number,
    channel0: number,
    channel1: number,
  ): boolean | number;
  close(): void;
  delete(): void;
}

interface BasisModule {
  initializeBasis(): void;
  readonly KTX2File: new (file: Uint8Array) => Ktx2File;
}

/** `transcoder_texture_format::cTFRGBA32`. */
const RGBA32 = 13;

const silent = { print: () => {}, printErr: () => {} };
type Basis = (options: typeof silent) => Promise<BasisModule>;
let opened: Promise<BasisModule> | undefined;

async function openBasis(): Promise<BasisModule> {
  // The encoder's package holds the whole of Basis Universal, but names its own functions alone.
  const url = new URL('../basis/basis_encoder.js', import.meta.resolve('ktx2-encoder'));
  const { default: basis } = (await import(url.href)) as { default: Basis };
  const module = await basis(silent);
  module.initializeBasis();
  return module;
}

/** The largest level. @throws Error for what is no KTX2 file with a Basis Universal payload */
export async function decodeKtx2(file: Uint8Array): Promise<{ width: number; height: number; rgba: Uint8Array }> {
  opened ??= openBasis();
  const { KTX2File } = await opened;
  const image = new KTX2File(file);
  try {
    if (!image.isValid() || !image.startTranscoding()) throw new Error('no KTX2 file with a Basis Universal payload');
    const [width, height] = [image.getWidth(), image.getHeight()];
    const rgba = new Uint8Array(width * height * 4);
    if (!image.transcodeImage(rgba, 0, 0, 0, RGBA32, 0, -1, -1)) throw new Error('the image could not be transcoded');
    return { width, height, rgba };
  } finally {
    image.close();
    image.delete();
  }
}
