/** All stages, in an order in which every one comes after its inputs. */
import { STAGES, type StageName } from '@espalier/contracts';
import { type Recipe, recipeDigest } from '../checkpoints/recipe.ts';
import { conditionStage } from './condition.ts';
import { decodeStage } from './decode.ts';
import { exportStage } from './export.ts';
import { latentStage } from './latent.ts';
import type { ParameterSources, Stage } from './stage.ts';
import { structureStage } from './structure.ts';
import { surfaceStage } from './surface.ts';
import { textureStage } from './texture.ts';

export type StageGraph = Readonly<Record<StageName, Stage>>;

/** @param stage with its own type of state; the graph knows it by what it writes only */
const erased = <S>(stage: Stage<S>): Stage => stage as unknown as Stage;

export const TRELLIS_GRAPH: StageGraph = {
  condition: erased(conditionStage),
  structure: erased(structureStage),
  latent: erased(latentStage),
  decode: erased(decodeStage),
  surface: erased(surfaceStage),
  texture: erased(textureStage),
  export: erased(exportStage),
};

/** The recipes of a job's stages: known before anything is read or computed. */
export function recipesOf(graph: StageGraph, sources: ParameterSources): Readonly<Record<StageName, Recipe>> {
  const recipes = {} as Record<StageName, Recipe>;
  for (const name of STAGES) {
    const stage = graph[name];
    recipes[name] = {
      stage: name,
      version: stage.version,
      modelRevision: sources.model.revision,
      parameters: stage.parameters(sources),
      inputs: Object.fromEntries(stage.inputs.map((input) => [input, recipeDigest(recipes[input])])),
    };
  }
  return recipes;
}
