/**
 * The stream of `torch.manual_seed(seed)` on the CPU: `torch.rand` and `torch.randn` in float32.
 *
 * Uniforms are bit-exact. Normal variates agree with PyTorch to 4e-6: its own vectorised and scalar code paths differ
 * by 1.8e-6, because their logarithms and cosines do. Algorithms: PyTorch, `aten/src/ATen/native/cpu/DistributionTemplates.h`
 * (`normal_fill`) and `aten/src/ATen/core/DistributionsHelper.h` (`normal_distribution`); facts in the README of the
 * reference data ("Random numbers").
 */
import { TerminalError } from '@espalier/contracts';
import { z } from 'zod';
import { Mt19937 } from './mt19937.ts';

/** Draws of fewer values than this take torch's scalar path. */
const BLOCK = 16;
const TWO_PI_SINGLE = Math.fround(2 * Math.PI);

/**
 * Where a generator stands. A position instead of the 2.5 kB of MT19937's state: 10 million outputs are passed over in
 * milliseconds.
 */
export const generatorStateSchema = z.strictObject({
  algorithm: z.literal('torch-cpu-mt19937'),
  seed: z.int().min(0).max(0xffffffff),
  /** 32-bit outputs drawn so far. The bound keeps a hostile file from costing minutes. */
  position: z
    .int()
    .min(0)
    .max(2 ** 31),
  /** The second value of the scalar path's last pair, when it has not been handed out. */
  carried: z.number().optional(),
});

export type GeneratorState = z.infer<typeof generatorStateSchema>;

export class TorchGenerator {
  readonly #seed: number;
  readonly #engine: Mt19937;
  #position = 0;
  #carried: number | undefined;

  /**
   * @param seed Any integer; as in torch's generator only the low 32 bits count.
   * @throws TerminalError `SEED_INVALID` when a number is not an integer or beyond 2^53.
   */
  constructor(seed: number | bigint) {
    if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
      throw new TerminalError(`seed: ${seed} is not a safe integer`, { code: 'SEED_INVALID', field: 'seed' });
    }
    this.#seed = Number(BigInt.asUintN(32, BigInt(seed)));
    this.#engine = new Mt19937(this.#seed);
  }

  /** `torch.rand(count)`: multiples of 2^-24 in [0, 1). */
  rand(count: number): Float32Array {
    const out = new Float32Array(count);
    this.#fillUniform(out);
    return out;
  }

  /** `torch.randn(count)`. For a shape of several axes: the row-major values. */
  randn(count: number): Float32Array {
    const out = new Float32Array(count);
    if (count < BLOCK) {
      for (let i = 0; i < count; i++) {
        out[i] = this.#scalarNormal();
      }
      return out;
    }
    this.#fillUniform(out);
    for (let i = 0; i + BLOCK <= count; i += BLOCK) {
      boxMullerBlock(out, i);
    }
    if (count % BLOCK !== 0) {
      // torch draws the last 16 afresh and overwrites what the blocks left there.
      const tail = out.subarray(count - BLOCK);
      this.#fillUniform(tail);
      boxMullerBlock(tail, 0);
    }
    return out;
  }

  /** Small and JSON-able; `restore` continues from exactly here. */
  state(): GeneratorState {
    return {
      algorithm: 'torch-cpu-mt19937',
      seed: this.#seed,
      position: this.#position,
      ...(this.#carried === undefined ? {} : { carried: this.#carried }),
    };
  }

  /** @throws TerminalError `GENERATOR_STATE_INVALID` naming the field. */
  static restore(state: unknown): TorchGenerator {
    const parsed = generatorStateSchema.safeParse(state);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const field = issue?.path.join('.') || 'state';
      throw new TerminalError(`generator state: '${field}': ${issue?.message}`, {
        code: 'GENERATOR_STATE_INVALID',
        field,
        cause: parsed.error,
      });
    }
    const generator = new TorchGenerator(parsed.data.seed);
    generator.#engine.skip(parsed.data.position);
    generator.#position = parsed.data.position;
    generator.#carried = parsed.data.carried;
    return generator;
  }

  #next(): number {
    this.#position++;
    return this.#engine.next();
  }

  #fillUniform(out: Float32Array): void {
    for (let i = 0; i < out.length; i++) {
      out[i] = (this.#next() & 0xffffff) * 2 ** -24;
    }
  }

  /** 53-bit uniform in [0, 1); the first of the two outputs is the high word. */
  #uniformDouble(): number {
    const high = this.#next() & 0x1fffff;
    return (high * 2 ** 32 + this.#next()) * 2 ** -53;
  }

  #scalarNormal(): number {
    if (this.#carried !== undefined) {
      const value = this.#carried;
      this.#carried = undefined;
      return value;
    }
    const angle = 2 * Math.PI * this.#uniformDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniformDouble()));
    this.#carried = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/** Box-Muller in place over 16 uniforms: eight radii, eight angles -> eight cosines, eight sines. */
function boxMullerBlock(values: Float32Array, start: number): void {
  for (let i = start; i < start + BLOCK / 2; i++) {
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(1 - (values[i] as number))))));
    const angle = Math.fround(TWO_PI_SINGLE * (values[i + BLOCK / 2] as number));
    values[i] = radius * Math.cos(angle);
    values[i + BLOCK / 2] = radius * Math.sin(angle);
  }
}
