import { describe, expect, it } from 'vitest';
import { type Recipe, recipeDigest } from './recipe.ts';

const recipe: Recipe = {
  stage: 'latent',
  version: 1,
  modelRevision: 'r1',
  parameters: { sampler: { steps: 25, cfg_strength: 7.5, cfg_interval: [0.5, 1], rescale_t: 3 } },
  inputs: { condition: 'a'.repeat(64), structure: 'b'.repeat(64) },
};

describe('recipeDigest', () => {
  it('does not depend on the order of keys', () => {
    const turned: Recipe = {
      inputs: { structure: 'b'.repeat(64), condition: 'a'.repeat(64) },
      parameters: { sampler: { rescale_t: 3, cfg_interval: [0.5, 1], cfg_strength: 7.5, steps: 25 } },
      modelRevision: 'r1',
      version: 1,
      stage: 'latent',
    };
    expect(recipeDigest(turned)).toBe(recipeDigest(recipe));
  });

  it('covers every part', () => {
    const others: Recipe[] = [
      { ...recipe, stage: 'structure' },
      { ...recipe, version: 2 },
      { ...recipe, modelRevision: 'r2' },
      { ...recipe, parameters: { sampler: { steps: 26 } } },
      { ...recipe, parameters: {} },
      { ...recipe, inputs: { ...recipe.inputs, structure: 'c'.repeat(64) } },
      { ...recipe, inputs: { condition: 'a'.repeat(64) } },
    ];
    expect(new Set([recipe, ...others].map(recipeDigest)).size).toBe(others.length + 1);
  });

  it('stays the same from release to release', () => {
    expect(recipeDigest(recipe)).toMatchInlineSnapshot(
      `"3c5224969dae6679f2fe1ea118f3817e0405088eb5455514c66a5e8e13be194d"`,
    );
  });
});
