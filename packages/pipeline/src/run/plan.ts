/**
 * What of a job is done already. Looks from the goal backwards: whoever asks for a finished asset again reads one
 * checkpoint, not seven.
 */
import { STAGES, type StageName } from '@espalier/contracts';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.ts';
import type { Recipe } from '../checkpoints/recipe.ts';
import type { StageGraph } from '../stages/graph.ts';
import { contentCheck, type StageContent } from '../stages/stage.ts';

export interface Plan {
  /** Contents that were found. */
  readonly found: ReadonlyMap<StageName, StageContent<unknown>>;
  /** Stages to run, inputs first; with the ETag of an unusable checkpoint to replace. */
  readonly missing: ReadonlyMap<StageName, { readonly replaces: string | undefined }>;
  /** Seconds that looking took, by stage. */
  readonly seconds: ReadonlyMap<StageName, number>;
}

export async function planFor(
  goal: StageName,
  graph: StageGraph,
  recipes: Readonly<Record<StageName, Recipe>>,
  checkpoints: CheckpointStore,
): Promise<Plan> {
  const found = new Map<StageName, StageContent<unknown>>();
  const missing = new Map<StageName, { replaces: string | undefined }>();
  const seconds = new Map<StageName, number>();
  const look = async (name: StageName): Promise<void> => {
    if (found.has(name) || missing.has(name)) return;
    const started = performance.now();
    const { content, replaces } = await checkpoints.find(recipes[name], contentCheck(graph[name]));
    seconds.set(name, (performance.now() - started) / 1000);
    if (content !== undefined) {
      found.set(name, content);
      return;
    }
    missing.set(name, { replaces });
    for (const input of graph[name].inputs) await look(input);
  };
  await look(goal);
  const inOrder = STAGES.flatMap((name) => {
    const entry = missing.get(name);
    return entry === undefined ? [] : [[name, entry] as const];
  });
  return { found, missing: new Map(inOrder), seconds };
}
