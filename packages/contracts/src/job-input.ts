/**
 * The four parameters of a generation, with the names, defaults, ranges and messages that callers of the
 * TRELLIS RunPod worker already know. Key order is the order in which faults are reported.
 */
import { z } from 'zod';

export const PROMPT_MAX_CHARACTERS = 1000;
export const SEED_MAX = 2 ** 32 - 1;
export const SIMPLIFY_DEFAULT = 0.95;
export const TEXTURE_SIZE_DEFAULT = 1024;
export const TEXTURE_SIZE_MIN = 128;
export const TEXTURE_SIZE_MAX = 4096;

/** Word for word what callers match on; the key is the stable code of the `RejectedError`. */
export const INPUT_MESSAGES = {
  PROMPT_MISSING: "Missing required 'prompt' parameter",
  PROMPT_NOT_STRING: "'prompt' must be a string",
  PROMPT_EMPTY: "'prompt' cannot be empty or whitespace",
  PROMPT_TOO_LONG: `'prompt' exceeds maximum length of ${PROMPT_MAX_CHARACTERS} characters`,
  SEED_NOT_INTEGER: "'seed' must be an integer",
  SEED_OUT_OF_RANGE: "'seed' must be between 0 and 2^32-1",
  SIMPLIFY_NOT_NUMBER: "'simplify' must be a number",
  SIMPLIFY_OUT_OF_RANGE: "'simplify' must be between 0.0 and 1.0",
  TEXTURE_SIZE_NOT_INTEGER: "'texture_size' must be an integer",
  TEXTURE_SIZE_OUT_OF_RANGE: `'texture_size' must be between ${TEXTURE_SIZE_MIN} and ${TEXTURE_SIZE_MAX}`,
} as const;
export type InputCode = keyof typeof INPUT_MESSAGES;

/** Said when the accelerator's memory ran out: the one message of a job's run, not of its input. */
export const OUT_OF_MEMORY_MESSAGE = 'GPU out of memory. Try a simpler prompt or lower texture_size.';

type Context = z.core.$RefinementCtx<unknown>;

function refuse(context: Context, code: InputCode): never {
  context.issues.push({ code: 'custom', message: INPUT_MESSAGES[code], params: { code }, input: context.value });
  return z.NEVER;
}

// JSON can say 1e999, which JavaScript reads as Infinity: no number a job can mean.
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** What Python's `str.strip` and JavaScript's `trim` take off, together. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the separators 1C to 1F are white space in Python
const OUTER_SPACE = /^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/gu;

const prompt = z
  .unknown()
  .optional()
  .transform((value, context): string => {
    if (value === undefined || value === null || value === '') return refuse(context, 'PROMPT_MISSING');
    if (typeof value !== 'string') return refuse(context, 'PROMPT_NOT_STRING');
    // Half a surrogate pair has no UTF-8: it becomes the replacement character, as it would on the disk.
    const text = Buffer.from(value, 'utf8').toString('utf8').replace(OUTER_SPACE, '');
    if (text === '') return refuse(context, 'PROMPT_EMPTY');
    if ([...text].length > PROMPT_MAX_CHARACTERS) return refuse(context, 'PROMPT_TOO_LONG');
    return text;
  });

const seed = z
  .unknown()
  .optional()
  .transform((value, context): number | undefined => {
    if (value === undefined || value === null) return undefined;
    if (!isNumber(value) || !Number.isInteger(value)) return refuse(context, 'SEED_NOT_INTEGER');
    if (value < 0 || value > SEED_MAX) return refuse(context, 'SEED_OUT_OF_RANGE');
    return value + 0; // -0 becomes 0
  });

const simplify = z
  .unknown()
  .optional()
  .transform((value, context): number => {
    if (value === undefined) return SIMPLIFY_DEFAULT;
    if (!isNumber(value)) return refuse(context, 'SIMPLIFY_NOT_NUMBER');
    if (value < 0 || value > 1) return refuse(context, 'SIMPLIFY_OUT_OF_RANGE');
    return value + 0;
  });

const textureSize = z
  .unknown()
  .optional()
  .transform((value, context): number => {
    if (value === undefined) return TEXTURE_SIZE_DEFAULT;
    if (!isNumber(value) || !Number.isInteger(value)) return refuse(context, 'TEXTURE_SIZE_NOT_INTEGER');
    if (value < TEXTURE_SIZE_MIN || value > TEXTURE_SIZE_MAX) return refuse(context, 'TEXTURE_SIZE_OUT_OF_RANGE');
    return value;
  });

export const JobInputSchema = z.strictObject({
  /** Trimmed, 1 to 1,000 characters. */
  prompt,
  /** Absent or null: drawn by the caller. */
  seed,
  /** Share of faces REMOVED. */
  simplify,
  /** Edge of the square texture in pixels. */
  texture_size: textureSize,
});
/** A checked input whose seed may still have to be drawn. */
export type UnseededInput = z.output<typeof JobInputSchema>;

/** What the stages work from. */
export interface JobInput {
  readonly prompt: string;
  /** 0 to 2^32-1. */
  readonly seed: number;
  /** Share of faces to remove, 0 to 1. */
  readonly simplify: number;
  /** Pixels along one edge of the texture, 128 to 4096. */
  readonly texture_size: number;
}
