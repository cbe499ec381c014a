export { ClipTokenizer, CONTEXT_LENGTH, type TokenizedPrompt, type TokenReport } from './clip-tokenizer.ts';
