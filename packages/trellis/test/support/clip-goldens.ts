import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Two tiny random CLIP text encoders and what transformers computes with them; made by test/clip/make_goldens.py. */
export const CLIP_GOLDENS = fileURLToPath(new URL('../clip/goldens', import.meta.url));

export interface ClipCase {
  readonly prompt: string;
  /** Tokens before truncation, both markers included. */
  readonly tokens: number;
}

export async function clipCases(): Promise<ClipCase[]> {
  return JSON.parse(await readFile(join(CLIP_GOLDENS, 'cases.json'), 'utf8')) as ClipCase[];
}
