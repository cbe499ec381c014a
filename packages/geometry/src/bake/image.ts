/** A raster image in memory: rows from the top, channels interleaved, 8 bits each. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 3 for RGB, 4 for RGBA with straight alpha. */
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}
