import type { Image } from '../bake/image.ts';

/** Bilinear lookup at texture coordinates (v down), clamped at the rim; RGB in [0, 1] into `out`. */
export function sampleImage({ width, height, channels, data }: Image, u: number, v: number, out: Float64Array): void {
  const x = Math.min(Math.max(u * width - 0.5, 0), width - 1);
  const y = Math.min(Math.max(v * height - 0.5, 0), height - 1);
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [x1, y1] = [Math.min(x0 + 1, width - 1), Math.min(y0 + 1, height - 1)];
  const [fx, fy] = [x - x0, y - y0];
  for (let c = 0; c < 3; c++) {
    const top =
      (data[(y0 * width + x0) * channels + c] as number) * (1 - fx) +
      (data[(y0 * width + x1) * channels + c] as number) * fx;
    const low =
      (data[(y1 * width + x0) * channels + c] as number) * (1 - fx) +
      (data[(y1 * width + x1) * channels + c] as number) * fx;
    out[c] = (top * (1 - fy) + low * fy) / 255;
  }
}
