/**
 * A lane's share of a job. The generate lane holds an accelerator and does what needs one, up to the decoded mesh;
 * the finish lane does the rest on CPUs. Whoever finds that the next thing to do is the other's says so; where one
 * process serves both and has room, the job goes on with what is held in memory.
 */
import {
  type HandOver,
  type Job,
  STAGE_LANES,
  STAGES,
  type StageName,
  silentLogger,
  type WorkLane,
} from '@espalier/contracts';
import { CheckpointStore } from '../checkpoints/checkpoint-store.ts';
import { type Recipe, recipeDigest } from '../checkpoints/recipe.ts';
import { recipesOf, type StageGraph, TRELLIS_GRAPH } from '../stages/graph.ts';
import { PIPELINE_CHOICES } from '../stages/stage.ts';
import { type Plan, planFor } from './plan.ts';
import { type JobResult, type RunJobDeps, runPlanned, withRun, writeResults } from './run-job.ts';

const GENERATING = STAGES.filter((name) => STAGE_LANES[name] === 'gpu');
const FINISHING = STAGES.filter((name) => STAGE_LANES[name] === 'cpu');
/** The seed, or what was made with it, is among what they are computed from. */
const SEEDED = STAGES.slice(STAGES.indexOf('structure'));
/** The last stage that needs an accelerator. */
const GENERATED = 'decode';

/** @throws what `runJob` throws */
export async function runLane(lane: WorkLane, job: Job, deps: RunJobDeps): Promise<JobResult | HandOver> {
  const graph = deps.graph ?? TRELLIS_GRAPH;
  const choices = { ...PIPELINE_CHOICES, ...deps.choices };
  const recipes = recipesOf(graph, { job, model: deps.runtime.model, choices });
  const plan = await wholePlan(lane, deps, graph, recipes);
  const missing = [...plan.missing.keys()];
  // Asked for before, and finished: either lane only has to write it out.
  if (missing.length === 0) return runPlanned(job, deps, plan);
  const needsNetworks = missing.some((name) => STAGE_LANES[name] === 'gpu');
  if (lane === 'finish') return needsNetworks ? { handOver: 'generate' } : runPlanned(job, deps, plan);
  const goesOn = (): boolean => deps.finishHere?.() === true;
  if (!needsNetworks) return goesOn() ? runPlanned(job, deps, plan) : { handOver: 'finish' };
  return withRun(job, deps, async (run) => {
    await run.runner.reach(GENERATED, GENERATING, plan);
    deps.runtime.conditions.set(recipeDigest(recipes.condition), true);
    return goesOn() ? writeResults(run, FINISHING, plan) : { handOver: 'finish' };
  });
}

async function wholePlan(
  lane: WorkLane,
  deps: RunJobDeps,
  graph: StageGraph,
  recipes: Readonly<Record<StageName, Recipe>>,
): Promise<Plan> {
  const checkpoints = new CheckpointStore({ store: deps.store, logger: deps.logger ?? silentLogger });
  // Who made the mesh a moment ago found no finish of it.
  const isNew = lane === 'finish' && deps.justHandedOver === true && deps.earlier?.[GENERATED]?.cached === false;
  // A text is encoded sooner than its states are read, so they are asked for only where they are known to be there.
  // Who finds out by writing that somebody was first takes what is there.
  const drawn = deps.runtime.conditions.has(recipeDigest(recipes.condition)) ? SEEDED : STAGES;
  const absent = deps.seedDrawn === true ? drawn : isNew ? FINISHING : [];
  return planFor('export', graph, recipes, checkpoints, { absent: new Set(absent) });
}
