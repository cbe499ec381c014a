import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TerminalError } from '@espalier/contracts';
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { checkJson, parseJsonFile } from '../repository/json-file.ts';
import { segments, wordsOf } from './segments.ts';

/** Length of every sequence that a CLIP text encoder takes, start and end markers included. */
export const CONTEXT_LENGTH = 77;

/** What became of a prompt. */
export interface TokenReport {
  /** Tokens of the whole prompt, both markers included. */
  readonly tokens: number;
  /** Tokens that the encoder sees; the rest of its 77 is padding. */
  readonly used: number;
  readonly truncated: boolean;
  /** The end of the prompt that the encoder does not see, from the word on that was cut; empty when nothing was. */
  readonly truncatedText: string;
  /** Words of the prompt that a closed vocabulary does not hold; always empty for an open one, such as CLIP's. */
  readonly unknownWords: readonly string[];
}

interface TokenizedPrompt {
  /** [77] */
  readonly ids: Int32Array;
  readonly report: TokenReport;
}

const SpecialTokenSchema = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);
const NamesSchema = z.object({
  bos_token: SpecialTokenSchema.nullish(),
  eos_token: SpecialTokenSchema.nullish(),
  pad_token: SpecialTokenSchema.nullish(),
});
const TokenizerSchema = z.looseObject({
  added_tokens: z
    .array(z.looseObject({ id: z.int(), content: z.string(), special: z.boolean().optional() }))
    .default([]),
  model: z.looseObject({ type: z.string().optional() }),
});

/**
 * The tokenizer of a CLIP text encoder: `tokenizer.json`, truncated and padded to 77 tokens as transformers'
 * `CLIPTokenizer` does with `padding="max_length", truncation=True`.
 *
 * Unlike there, the name of a special token in a prompt is text like any other: a user who types
 * `<|endoftext|>` does not end the sequence (transformers: `split_special_tokens=True`).
 */
export class ClipTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #start: number;
  readonly #end: number;
  readonly #pad: number;
  readonly #vocabulary: ReadonlySet<string> | undefined;

  private constructor(
    tokenizer: Tokenizer,
    special: { start: number; end: number; pad: number },
    vocabulary: ReadonlySet<string> | undefined,
  ) {
    this.#tokenizer = tokenizer;
    this.#start = special.start;
    this.#end = special.end;
    this.#pad = special.pad;
    this.#vocabulary = vocabulary;
  }

  /**
   * @param tokenizerPath `tokenizer.json`; markers are named by a `tokenizer_config.json` or
   *   `special_tokens_map.json` beside it, or are CLIP's.
   * @param vocabularyPath List of the words of a closed vocabulary, one a line.
   * @throws TerminalError `MODEL_FILE_MISSING`, `MODEL_FILE_INVALID`.
   */
  static async open(tokenizerPath: string, vocabularyPath?: string): Promise<ClipTokenizer> {
    const json = checkJson(await parseJsonFile(tokenizerPath), TokenizerSchema, tokenizerPath);
    let tokenizer: Tokenizer;
    try {
      // Special tokens are left out of what is looked for in a text: that is what makes their names plain text.
      const added_tokens = json.added_tokens.filter(({ special }) => special !== true);
      tokenizer = new Tokenizer({ ...json, added_tokens }, {});
    } catch (cause) {
      throw invalid(tokenizerPath, `is no tokenizer that can be run: ${(cause as Error).message}`, cause);
    }
    const idOf = (name: string): number => {
      const id = json.added_tokens.find(({ content }) => content === name)?.id ?? tokenizer.token_to_id(name);
      if (id === undefined) throw invalid(tokenizerPath, `has no token '${name}'`);
      return id;
    };
    const names = await specialNames(dirname(tokenizerPath));
    const special = { start: idOf(names.start), end: idOf(names.end), pad: idOf(names.pad) };
    const words = vocabularyPath === undefined ? undefined : await readFile(vocabularyPath, 'utf8');
    // Split like a prompt, so that a word such as '3d' is found by the part of it that is letters.
    const vocabulary = words === undefined ? undefined : new Set(wordsOf(words));
    return new ClipTokenizer(tokenizer, special, vocabulary);
  }

  encode(prompt: string): TokenizedPrompt {
    const inner = this.#tokensOf(prompt);
    const room = CONTEXT_LENGTH - 2;
    const kept = inner.slice(0, room);
    const ids = new Int32Array(CONTEXT_LENGTH).fill(this.#pad);
    ids.set([this.#start, ...kept, this.#end]);
    const truncated = inner.length > room;
    return {
      ids,
      report: {
        tokens: inner.length + 2,
        used: kept.length + 2,
        truncated,
        truncatedText: truncated ? this.#textBehind(prompt, inner) : '',
        unknownWords: this.#unknownWords(prompt),
      },
    };
  }

  /**
   * The prompt without the words that a closed vocabulary lacks: the whole prompt where the vocabulary is open. A small
   * model makes something else altogether of a prompt whose words come to it in unheard-of pieces.
   */
  known(prompt: string): string {
    const vocabulary = this.#vocabulary;
    if (vocabulary === undefined) return prompt;
    let rest = prompt.normalize('NFC');
    for (const { text, start } of segments(rest).reverse()) {
      const [word] = wordsOf(text);
      if (word !== undefined && !vocabulary.has(word)) rest = rest.slice(0, start) + rest.slice(start + text.length);
    }
    return rest;
  }

  #tokensOf(text: string): number[] {
    return this.#tokenizer.encode(normalised(text), { add_special_tokens: false }).ids;
  }

  /** The prompt from the first word on that did not fit whole. */
  #textBehind(prompt: string, inner: readonly number[]): string {
    const room = CONTEXT_LENGTH - 2;
    let count = 0;
    let cut: number | undefined;
    for (const { text, start } of segments(prompt)) {
      count += this.#tokensOf(text).length;
      if (count > room) cut ??= start;
    }
    // A tokenizer that splits otherwise than CLIP's gives other counts by parts: then its own words must do.
    return cut !== undefined && count === inner.length
      ? prompt.normalize('NFC').slice(cut).trimEnd()
      : this.#tokenizer.decode(inner.slice(room)).trim();
  }

  #unknownWords(prompt: string): string[] {
    const vocabulary = this.#vocabulary;
    if (vocabulary === undefined) return [];
    return [...new Set(wordsOf(prompt))].filter((word) => !vocabulary.has(word));
  }
}

/**
 * Composes and lower-cases character by character, as the tokenizer's own normaliser does where it was trained;
 * JavaScript's `toLowerCase` of a whole text makes a final sigma of its own, and its `\s` lacks U+0085.
 */
function normalised(text: string): string {
  let lower = '';
  for (const character of text.normalize('NFC')) lower += character.toLowerCase();
  return lower.replaceAll('\u0085', ' ');
}

async function specialNames(folder: string): Promise<{ start: string; end: string; pad: string }> {
  const names = { start: '<|startoftext|>', end: '<|endoftext|>', pad: '' };
  for (const file of ['special_tokens_map.json', 'tokenizer_config.json']) {
    const path = join(folder, file);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const found = checkJson(await parseJsonFile(path), NamesSchema, path);
    names.start = found.bos_token ?? names.start;
    names.end = found.eos_token ?? names.end;
    names.pad = found.pad_token ?? names.pad;
  }
  return { ...names, pad: names.pad || names.end };
}

function invalid(path: string, problem: string, cause?: unknown): TerminalError {
  return new TerminalError(`${path} ${problem}`, { code: 'MODEL_FILE_INVALID', field: path, cause });
}
