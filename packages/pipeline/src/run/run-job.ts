/** One job from wherever its checkpoints end to its results. */
import {
  type Clock,
  contentTypeOf,
  type Job,
  type JobStats,
  JobStatsSchema,
  type Logger,
  type PipelineListener,
  STAGE_LANES,
  STAGES,
  type StageName,
  type StageStats,
  silentLogger,
  systemClock,
} from '@espalier/contracts';
import { type ObjectStore, resultKey } from '@espalier/storage';
import { throwIfCancelled } from '../inference/cancelled.ts';
import { tokenNotices } from '../stages/condition.ts';
import { exportStage, filesOf } from '../stages/export.ts';
import { type StageGraph, TRELLIS_GRAPH } from '../stages/graph.ts';
import { contentCheck, PIPELINE_CHOICES, type PipelineChoices } from '../stages/stage.ts';
import { ESPALIER_VERSION } from '../version.ts';
import { jobSignal } from './deadline.ts';
import type { Plan } from './plan.ts';
import type { PipelineRuntime } from './runtime.ts';
import { StageRunner } from './stage-runner.ts';

export interface RunJobDeps {
  readonly store: ObjectStore;
  readonly runtime: PipelineRuntime;
  /** @defaultValue the system's */
  readonly clock?: Clock;
  /** @defaultValue silent */
  readonly logger?: Logger;
  /** Ends the job between two steps. Its reason is thrown when it is an error with a meaning. */
  readonly signal?: AbortSignal | undefined;
  /** Called in order. What it throws is logged, not passed on. */
  readonly onProgress?: PipelineListener | undefined;
  /** Milliseconds since the epoch: a deadline counts from here. @defaultValue now */
  readonly submittedAt?: number;
  /** What stages cost that another run computed for this job: told in its stats. */
  readonly earlier?: JobStats['stages'] | undefined;
  /** The other lane has just done its part, and nobody has taken the job up since. @defaultValue false */
  readonly justHandedOver?: boolean | undefined;
  /** The seed was drawn a moment ago: nothing that depends on it is looked for. @defaultValue false */
  readonly seedDrawn?: boolean | undefined;
  /**
   * Asked by the generate lane when nothing needs an accelerator any more: whether the job goes on here, with what is
   * held in memory. @defaultValue never: it is handed over
   */
  readonly finishHere?: (() => boolean) | undefined;
  /** Longest sampling work that a crash may lose, seconds; 0 saves after every step. @defaultValue 10 */
  readonly saveSeconds?: number;
  /** How often a stage goes on in a fresh process after a crash, before the job fails. @defaultValue 2 */
  readonly crashRetries?: number;
  /** @defaultValue PIPELINE_CHOICES */
  readonly choices?: Partial<PipelineChoices>;
  /** @defaultValue TRELLIS_GRAPH */
  readonly graph?: StageGraph;
}

export interface JobResult {
  /** Key of `model.glb`. */
  readonly glbKey: string;
  /** Key of `stats.json`, written last. */
  readonly statsKey: string;
  readonly stats: JobStats;
}

/**
 * Runs what is missing of a job and writes its results. The job's seed decides everything that is random: a run that
 * was killed anywhere and begun again ends in the same bytes.
 *
 * @throws CancelledError CANCELLED, DEADLINE_EXCEEDED; checkpoints stay
 * @throws RetryableError INFERENCE_CRASHED, CPU_WORKER_CRASHED, OUT_OF_MEMORY, STORE_*; a later run goes on from there
 * @throws TerminalError STRUCTURE_EMPTY, SURFACE_EMPTY, and what model and networks throw
 */
export async function runJob(job: Job, deps: RunJobDeps): Promise<JobResult> {
  return runPlanned(job, deps);
}

/** @param known a plan for the whole job, made a moment ago */
export async function runPlanned(job: Job, deps: RunJobDeps, known?: Plan): Promise<JobResult> {
  return withRun(job, deps, (run) => writeResults(run, STAGES, known));
}

/** A job in work. */
export interface JobRun {
  readonly job: Job;
  readonly deps: RunJobDeps;
  readonly signal: AbortSignal;
  readonly emit: PipelineListener;
  readonly runner: StageRunner;
  /** Since it began. */
  seconds(): number;
}

/** Begins the job, and lets go of its deadline at the end of `work`. */
export async function withRun<T>(job: Job, deps: RunJobDeps, work: (run: JobRun) => Promise<T>): Promise<T> {
  const { clock = systemClock, logger = silentLogger } = deps;
  const { signal, release } = jobSignal(job, deps.submittedAt ?? clock.now(), clock, deps.signal);
  try {
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    const emit = guarded(deps.onProgress, logger);
    emit({ type: 'job.started', job: job.id, prompt: job.input.prompt, seed: job.input.seed });
    return await work({ job, deps, signal, emit, runner: stageRunner(job, deps, signal, emit), seconds });
  } finally {
    release();
  }
}

/** @param order stages that the run has not been through yet */
export async function writeResults(
  { job, deps, signal, emit, runner, seconds }: JobRun,
  order: readonly StageName[],
  known?: Plan,
): Promise<JobResult> {
  const { store, runtime } = deps;
  const content = contentCheck(exportStage)(await runner.reach('export', order, known));
  const { state } = content;
  // A finished asset is found without a look at its prompt's checkpoint: its report stands in the asset's own.
  if (!runner.holds('condition')) {
    for (const notice of tokenNotices(state.tokens)) emit({ type: 'job.notice', job: job.id, ...notice });
  }
  throwIfCancelled(signal);
  const files = filesOf(content);
  for (const [name, body] of files)
    await store.put(resultKey(job.id, name), body, { contentType: contentTypeOf(name) });
  const sizes = Object.fromEntries([...files].map(([name, body]) => [name, body.byteLength]));
  const inferred = STAGES.some((name) => STAGE_LANES[name] === 'gpu' && runner.stats.get(name)?.cached === false);
  const elsewhere = computedElsewhere(deps.earlier, runner);
  const stats: JobStats = JobStatsSchema.parse({
    vertex_count: state.asset.vertices,
    face_count: state.asset.faces,
    glb_size_bytes: state.asset.bytes.total,
    generation_time_seconds: seconds() + sumSeconds(elsewhere),
    seed_used: job.input.seed,
    id: job.id,
    prompt: job.input.prompt,
    simplify: job.input.simplify,
    texture_size: job.input.texture_size,
    tags: job.tags,
    raw_vertex_count: state.raw.vertices,
    raw_face_count: state.raw.faces,
    bounds: state.bounds,
    cleaning: state.cleaning,
    asset: state.asset,
    files: sizes,
    stages: { ...Object.fromEntries(runner.stats), ...elsewhere },
    peak_memory_bytes: {
      main: process.resourceUsage().maxRSS * 1024,
      ...(inferred && { inference: runtime.inference.usage.peakMemoryBytes }),
    },
    device: state.device,
    model: { name: runtime.model.name, revision: runtime.model.revision },
    tokens: state.tokens,
    validator: state.validator,
    espalier_version: ESPALIER_VERSION,
  } satisfies JobStats);
  const statsKey = resultKey(job.id, 'stats.json');
  const text = `${JSON.stringify(stats, null, 2)}\n`;
  await store.put(statsKey, new TextEncoder().encode(text), { contentType: 'application/json' });
  emit({ type: 'job.finished', job: job.id, seconds: seconds() });
  return { glbKey: resultKey(job.id, 'model.glb'), statsKey, stats };
}

/** The runner of a job's stages, as `deps` wants it. */
function stageRunner(job: Job, deps: RunJobDeps, signal: AbortSignal, emit: PipelineListener): StageRunner {
  const { runtime } = deps;
  return new StageRunner({
    job,
    model: runtime.model,
    choices: { ...PIPELINE_CHOICES, ...deps.choices },
    graph: deps.graph ?? TRELLIS_GRAPH,
    networks: runtime.networks,
    cpu: runtime.cpu,
    store: deps.store,
    logger: deps.logger ?? silentLogger,
    signal,
    saveEveryMs: (deps.saveSeconds ?? 10) * 1000,
    crashRetries: deps.crashRetries ?? 2,
    seedDrawn: deps.seedDrawn === true,
    emit,
  });
}

/** Of what other runs computed for this job, what this one only found. */
function computedElsewhere(earlier: JobStats['stages'] = {}, runner: StageRunner): JobStats['stages'] {
  const entries = Object.entries(earlier) as [StageName, StageStats][]; // its keys are stages by its schema
  return Object.fromEntries(entries.filter(([name]) => runner.stats.get(name)?.cached !== false));
}

function sumSeconds(stages: JobStats['stages']): number {
  return Object.values(stages).reduce((sum, { seconds }) => sum + seconds, 0);
}

/** A listener that throws must not end a job. */
function guarded(listener: PipelineListener | undefined, logger: Logger): PipelineListener {
  return (event) => {
    try {
      listener?.(event);
    } catch (error) {
      logger.error({ err: error, event: event.type }, 'a progress listener threw');
    }
  };
}
