export type { ParityRow } from './compare.ts';
export { type ParityOptions, runParity } from './run-parity.ts';
