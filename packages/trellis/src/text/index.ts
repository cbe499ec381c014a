export { ClipTokenizer, type TokenReport } from './clip-tokenizer.ts';
