import { TorchGenerator } from '@espalier/tensors';
import type { CaseFile } from '../case-file.ts';
import type { CaseKind, Computed } from '../parity-case.ts';

/** The two draws of which only ends and sum are recorded: noise of a full-size job. */
const FULL_DRAWS = [
  ['a', 8 * 16 ** 3],
  ['b', 1003 * 8],
] as const;

/**
 * torch's CPU generator. Keys carry the seed: `full<seed>.a` then `.b` are drawn from one generator, `short<seed>.0`,
 * `.1`, ... likewise, `rand<seed>` are uniforms, `wrap<seed>` comes from a seed of 2^32 more, `s<seed>.*` are ends and
 * sums of long draws.
 */
export const randn: CaseKind = {
  prefix: 'randn',
  inputs: [],
  async *compute({ file }) {
    yield* sequences(file, /^(full|short)(\d+)\./);
    for (const key of file.keys) {
      const [, kind, seed] = /^(rand|wrap)(\d+)$/.exec(key) ?? [];
      const count = size(file, key);
      if (kind === 'rand') {
        yield { key, kind: 'exact', data: new TorchGenerator(Number(seed)).rand(count) };
      } else if (kind === 'wrap') {
        yield { key, kind: 'noise', data: new TorchGenerator(Number(seed) + 2 ** 32).randn(count) };
      }
    }
    for (const seed of seedsOf(file, /^s(\d+)\.[ab]\.(?:first|last|sum)$/)) {
      yield* endsAndSums(file, seed);
    }
  },
};

function* sequences(file: CaseFile, pattern: RegExp): Generator<Computed> {
  const generators = new Map<string, TorchGenerator>();
  for (const key of file.keys.filter((key) => pattern.test(key)).sort(byNumber)) {
    const [name = '', , seed] = pattern.exec(key) ?? [];
    const generator = generators.get(name) ?? new TorchGenerator(Number(seed));
    generators.set(name, generator);
    yield { key, kind: 'noise', data: generator.randn(size(file, key)) };
  }
}

function* endsAndSums(file: CaseFile, seed: string): Generator<Computed> {
  const generator = new TorchGenerator(Number(seed));
  for (const [draw, count] of FULL_DRAWS) {
    const values = generator.randn(count);
    const sum = values.reduce((total, value) => total + value, 0);
    const key = (part: string) => `s${seed}.${draw}.${part}`;
    const ends = {
      first: values.subarray(0, size(file, key('first'))),
      last: values.subarray(-size(file, key('last'))),
    };
    for (const [part, data] of Object.entries(ends)) {
      if (file.has(key(part))) yield { key: key(part), kind: 'noise', data };
    }
    if (file.has(key('sum'))) yield { key: key('sum'), kind: 'noiseSum', data: Float64Array.of(sum) };
  }
}

function seedsOf(file: CaseFile, pattern: RegExp): Set<string> {
  return new Set(file.keys.map((key) => pattern.exec(key)?.[1]).filter((seed) => seed !== undefined));
}

function size(file: CaseFile, key: string): number {
  return file.shape(key).reduce((product, extent) => product * extent, 1);
}

/** `short42.2` before `short42.10`. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
