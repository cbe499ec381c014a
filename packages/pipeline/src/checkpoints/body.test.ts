import { encodeSafetensors, float32, int32 } from '@espalier/tensors';
import { describe, expect, it } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint, UnusableCheckpoint } from './body.ts';
import type { Recipe } from './recipe.ts';

const recipe: Recipe = {
  stage: 'structure',
  version: 3,
  modelRevision: 'r',
  parameters: { seed: 42 },
  inputs: { condition: '0'.repeat(64) },
};
const content = {
  tensors: { latent: float32([2, 3], Float32Array.of(1, -2, 3.5, 0, 5, 6)), coords: int32([0, 4], new Int32Array()) },
  state: { generator: { seed: 42, position: 7 } },
};

describe('checkpoint bodies', () => {
  it('give back what was put in', async () => {
    const bytes = await encodeCheckpoint(recipe, content);
    expect(await decodeCheckpoint(bytes, recipe, 'x')).toEqual({ ...content, step: undefined });
    const partial = await encodeCheckpoint(recipe, { ...content, step: 5 });
    expect(await decodeCheckpoint(partial, recipe, 'x')).toEqual({ ...content, step: 5 });
  });

  it('are the same bytes for the same content', async () => {
    const turned = {
      state: { generator: { position: 7, seed: 42 } },
      tensors: { coords: content.tensors.coords, latent: content.tensors.latent },
    };
    expect(await encodeCheckpoint(recipe, turned)).toEqual(await encodeCheckpoint(recipe, content));
  });

  it('are refused when cut, at any length', async () => {
    const bytes = await encodeCheckpoint(recipe, content);
    for (let length = 0; length < bytes.length; length++) {
      await expect(decodeCheckpoint(bytes.subarray(0, length), recipe, 'x')).rejects.toThrow(UnusableCheckpoint);
    }
  });

  it('are refused when any one byte was changed', async () => {
    const bytes = await encodeCheckpoint(recipe, content);
    for (let at = 0; at < bytes.length; at++) {
      const altered = bytes.slice();
      altered[at] = (altered[at] as number) ^ 1;
      const outcome = await decodeCheckpoint(altered, recipe, 'x').catch((error: unknown) => error);
      // White space that pads the header says nothing; everything else is sealed.
      if (bytes[at] === 0x20) continue;
      expect(outcome, `byte ${at}`).toBeInstanceOf(UnusableCheckpoint);
    }
  });

  it.each<[string, Partial<Recipe>]>([
    ['stage', { stage: 'latent' }],
    ['version', { version: 4 }],
    ['model', { modelRevision: 's' }],
    ['parameters', { parameters: { seed: 43 } }],
    ['inputs', { inputs: { condition: '1'.repeat(64) } }],
  ])('of another %s are refused', async (_what, other) => {
    const bytes = await encodeCheckpoint({ ...recipe, ...other }, content);
    await expect(decodeCheckpoint(bytes, recipe, 'x')).rejects.toThrow('it belongs to another recipe');
  });

  it('that are foreign are refused', async () => {
    const foreign = [
      new TextEncoder().encode('not a checkpoint'),
      encodeSafetensors(content.tensors),
      encodeSafetensors(content.tensors, { espalier: '{}', seal: '' }),
      encodeSafetensors(content.tensors, { espalier: 'null', seal: '' }),
    ];
    for (const bytes of foreign) {
      await expect(decodeCheckpoint(bytes, recipe, 'x')).rejects.toThrow(UnusableCheckpoint);
    }
  });
});
