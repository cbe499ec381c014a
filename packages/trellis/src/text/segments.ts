/** Part of a text that a CLIP tokenizer treats by itself, and where it starts in the NFC form of the text. */
export interface Segment {
  readonly text: string;
  readonly start: number;
}

/** The split of CLIP's tokenizer (openai/CLIP, `SimpleTokenizer.pat`). */
const SEGMENT = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;

export function segments(text: string): Segment[] {
  return [...text.normalize('NFC').matchAll(SEGMENT)].map((match) => ({ text: match[0], start: match.index }));
}

/** The words of a text in lower case: runs of letters, without the endings of contractions. */
export function wordsOf(text: string): string[] {
  return segments(text)
    .map((segment) => segment.text.toLowerCase())
    .filter((segment) => /^\p{L}+$/u.test(segment));
}
