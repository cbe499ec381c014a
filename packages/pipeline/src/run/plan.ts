/**
 * What of a job is done already, found with few looks: each is a request to the store, and of a new job nothing is there.
 *
 * Stages are saved one after the other, so where one is, those before it have been, and behind one that is not there
 * nothing is. Looks begin at the goal (a finished asset is asked for again), go to the end of the accelerator's part
 * (another finish of the same latents) and to the first stage (a prompt that was seen before), and then forward from
 * the latest that is there. What the rule misses, because somebody removed checkpoints, is computed again, no more.
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

export interface PlanOptions {
  /** Stages that are most likely not there: not looked for. @defaultValue none */
  readonly absent?: ReadonlySet<StageName>;
}

/** Where looks begin, the latest first: see above. */
const LANDMARKS: readonly StageName[] = ['decode', 'condition'];

export async function planFor(
  goal: StageName,
  graph: StageGraph,
  recipes: Readonly<Record<StageName, Recipe>>,
  checkpoints: CheckpointStore,
  { absent = new Set() }: PlanOptions = {},
): Promise<Plan> {
  const found = new Map<StageName, StageContent<unknown>>();
  const missing = new Map<StageName, { replaces: string | undefined }>();
  const seconds = new Map<StageName, number>();
  /** Whether there is a file, usable or not. */
  const look = async (name: StageName): Promise<boolean> => {
    if (found.has(name)) return true;
    const known = missing.get(name);
    if (known !== undefined) return known.replaces !== undefined;
    if (absent.has(name)) {
      missing.set(name, { replaces: undefined });
      return false;
    }
    const started = performance.now();
    const { content, replaces } = await checkpoints.find(recipes[name], contentCheck(graph[name]));
    seconds.set(name, (performance.now() - started) / 1000);
    if (content !== undefined) found.set(name, content);
    else missing.set(name, { replaces });
    return content !== undefined || replaces !== undefined;
  };
  const before = STAGES.slice(0, STAGES.indexOf(goal));
  await look(goal);
  if (!found.has(goal)) {
    let last = -1;
    for (const name of LANDMARKS) {
      if (last < 0 && before.includes(name) && (await look(name))) last = before.indexOf(name);
    }
    let there = last >= 0;
    for (const name of before.slice(last + 1)) {
      there &&= await look(name);
      if (!there && !missing.has(name)) missing.set(name, { replaces: undefined });
    }
  }
  /** What is missing on the way to the goal; what it reads is looked at even where the rule says nothing of it. */
  const needed = new Set<StageName>();
  const need = async (name: StageName): Promise<void> => {
    if (needed.has(name)) return;
    await look(name);
    if (found.has(name)) return;
    needed.add(name);
    for (const input of graph[name].inputs) await need(input);
  };
  await need(goal);
  const inOrder = STAGES.flatMap((name) => {
    const entry = missing.get(name);
    return entry === undefined || !needed.has(name) ? [] : [[name, entry] as const];
  });
  return { found, missing: new Map(inOrder), seconds };
}
