import type { VisibilityBuffer } from './visibility.ts';

/** What is shaded at once: samples of one pixel that see the same face. */
interface SampleGroup {
  face: number;
  /** Barycentric weights, the mean of the samples'. */
  v: number;
  w: number;
  /** Samples. */
  share: number;
  /** One of them, in the buffer. */
  sample: number;
}

/** The covered samples of one pixel after the other, put together by faces or each for itself. */
export class SampleGroups {
  count = 0;
  /** Samples that some face covers. */
  covered = 0;
  readonly #buffer: VisibilityBuffer;
  readonly #edge: number;
  readonly #isMerging: boolean;
  /** As many as there can be: made once. */
  readonly #groups: SampleGroup[];

  /** @param edge samples along one side of a pixel */
  constructor(buffer: VisibilityBuffer, edge: number, isMerging: boolean) {
    this.#buffer = buffer;
    this.#edge = edge;
    this.#isMerging = isMerging;
    this.#groups = Array.from({ length: edge * edge }, () => ({ face: -1, v: 0, w: 0, share: 0, sample: 0 }));
  }

  collect(x: number, y: number): void {
    const { width, face, v, w } = this.#buffer;
    const edge = this.#edge;
    this.count = 0;
    this.covered = 0;
    for (let k = 0; k < edge * edge; k++) {
      const sample = (y * edge + Math.floor(k / edge)) * width + x * edge + (k % edge);
      const seen = face[sample] as number;
      if (seen < 0) continue;
      this.covered += 1;
      const group = this.#groupOf(seen, sample);
      group.share += 1;
      group.v += ((v[sample] as number) - group.v) / group.share;
      group.w += ((w[sample] as number) - group.w) / group.share;
    }
  }

  at(index: number): Readonly<SampleGroup> {
    return this.#groups[index] as SampleGroup;
  }

  #groupOf(face: number, sample: number): SampleGroup {
    for (let g = 0; this.#isMerging && g < this.count; g++) {
      const group = this.#groups[g] as SampleGroup;
      if (group.face === face) return group;
    }
    const group = this.#groups[this.count] as SampleGroup;
    this.count += 1;
    return Object.assign(group, { face, v: 0, w: 0, share: 0, sample });
  }
}
