/** models/trellis-tiny, spread over three repositories as the published models are. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinOf } from '../src/index.ts';
import type { HubRepository } from './hub-server.ts';

export const MODEL = 'acme/TRELLIS-text-tiny';
export const COMMITS = {
  model: 'a'.repeat(40),
  image: pinOf('microsoft/TRELLIS-image-large') ?? '',
  clip: pinOf('openai/clip-vit-large-patch14') ?? '',
};

const TINY = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));

export async function tinyRepositories(): Promise<Record<string, HubRepository>> {
  const read = async (path: string): Promise<Uint8Array> => new Uint8Array(await readFile(join(TINY, path)));
  const pipeline = JSON.parse(new TextDecoder().decode(await read('pipeline.json')));
  const own: Record<string, Uint8Array> = { 'README.md': new TextEncoder().encode('# tiny') };
  const image: Record<string, Uint8Array> = { 'README.md': new TextEncoder().encode('# image') };
  for (const [role, name] of Object.entries(pipeline.args.models as Record<string, string>)) {
    const theirs = role.includes('decoder');
    for (const ending of ['.json', '.safetensors']) (theirs ? image : own)[name + ending] = await read(name + ending);
    // The published file names the former owner.
    if (theirs) pipeline.args.models[role] = `JeffreyXiang/TRELLIS-image-large/${name}`;
  }
  delete pipeline.args.text_cond_model;
  own['pipeline.json'] = new TextEncoder().encode(JSON.stringify(pipeline));
  const clip: Record<string, Uint8Array> = { 'pytorch_model.bin': new Uint8Array(10) };
  for (const file of ['config.json', 'model.safetensors', 'tokenizer.json'])
    clip[file] = await read(`text_encoder/${file}`);
  return {
    [MODEL]: { commit: COMMITS.model, files: own },
    'microsoft/TRELLIS-image-large': { commit: COMMITS.image, files: image },
    'openai/clip-vit-large-patch14': { commit: COMMITS.clip, files: clip },
  };
}
