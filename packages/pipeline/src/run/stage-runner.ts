/** Runs the missing stages of a job, one after the other, and keeps what each cost. */
import {
  EspalierError,
  ensureError,
  type Logger,
  type PipelineListener,
  RetryableError,
  type StageName,
  type StageStats,
  TerminalError,
} from '@espalier/contracts';
import type { PartialContent } from '../checkpoints/body.ts';
import { CheckpointStore, type CheckpointStoreOptions } from '../checkpoints/checkpoint-store.ts';
import { PartialSaves } from '../checkpoints/partial-saves.ts';
import type { Recipe } from '../checkpoints/recipe.ts';
import type { CpuTasks } from '../cpu/cpu-pool.ts';
import { throwIfCancelled } from '../inference/cancelled.ts';
import type { Networks } from '../inference/networks.ts';
import { recipesOf, type StageGraph } from '../stages/graph.ts';
import {
  contentCheck,
  type Notice,
  type ParameterSources,
  type Stage,
  type StageContent,
  type StageContext,
  saveCheck,
} from '../stages/stage.ts';
import { type Plan, planFor } from './plan.ts';

export interface StageRunnerOptions extends ParameterSources {
  readonly graph: StageGraph;
  readonly networks: Networks;
  readonly cpu: CpuTasks;
  readonly store: CheckpointStoreOptions['store'];
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly saveEveryMs: number;
  /** How often a stage is run again, from its last save, after its process crashed. */
  readonly crashRetries: number;
  /** The seed was drawn a moment ago: no save can be there that depends on it, and only such stages have any. */
  readonly seedDrawn: boolean;
  readonly emit: PipelineListener;
}

const CRASHES: ReadonlySet<string> = new Set(['INFERENCE_CRASHED', 'CPU_WORKER_CRASHED']);

export class StageRunner {
  readonly stats = new Map<StageName, StageStats>();
  readonly #options: StageRunnerOptions;
  readonly #storeOptions: CheckpointStoreOptions;
  readonly #recipes: Readonly<Record<StageName, Recipe>>;
  readonly #contents = new Map<StageName, StageContent<unknown>>();

  constructor(options: StageRunnerOptions) {
    const { graph, store, logger, job, emit } = options;
    this.#options = options;
    this.#recipes = recipesOf(graph, options);
    this.#storeOptions = {
      store,
      logger,
      onSaved: (saved) => emit({ type: 'checkpoint.saved', job: job.id, ...saved }),
      onUnusable: (key, reason) =>
        this.#notice({ code: 'CHECKPOINT_UNUSABLE', message: `${key} is computed again: ${reason}` }),
    };
  }

  /**
   * The content of the goal, from its checkpoint or by running whatever is missing on the way to it.
   *
   * @param known a plan for this goal or a later one, made a moment ago; absent: one is made
   * @throws EspalierError of the stage that failed; everything that was finished before is kept
   */
  async reach(goal: StageName, order: readonly StageName[], known?: Plan): Promise<StageContent<unknown>> {
    const { graph, signal } = this.#options;
    const checkpoints = new CheckpointStore(this.#storeOptions);
    throwIfCancelled(signal);
    const plan = known ?? (await planFor(goal, graph, this.#recipes, checkpoints));
    for (const name of order) {
      const missing = plan.missing.get(name);
      const content = plan.found.get(name);
      const looking = plan.seconds.get(name) ?? 0;
      if (missing !== undefined) await this.#compute(graph[name], checkpoints, missing.replaces, looking);
      else this.#reuse(graph[name], content, looking);
    }
    return this.#content(graph[goal]);
  }

  /** Whether the stage's content was computed or read. */
  holds(name: StageName): boolean {
    return this.#contents.has(name);
  }

  /** @param content absent where a later stage's checkpoint made it unnecessary even to look */
  #reuse(stage: Stage, content: StageContent<unknown> | undefined, seconds: number): void {
    if (content !== undefined) this.#accept(stage, content);
    this.#finished(stage, { seconds, cached: true });
  }

  async #compute(
    stage: Stage,
    checkpoints: CheckpointStore,
    replaces: string | undefined,
    looking: number,
  ): Promise<void> {
    const { job, emit, crashRetries, seedDrawn, logger } = this.#options;
    const recipe = this.#recipes[stage.name];
    const saves = stage.save === undefined ? undefined : new PartialSaves(this.#storeOptions, recipe);
    const started = performance.now();
    const counts: { first?: number; last?: number } = {};
    for (let crashes = 0; ; crashes += 1) {
      throwIfCancelled(this.#options.signal);
      // What was computed from a moment ago cannot have been gone on from before.
      const computed = stage.inputs.some((input) => this.stats.get(input)?.cached === false);
      const isNew = crashes === 0 && (seedDrawn || computed);
      const resume = isNew ? undefined : await saves?.load(saveCheck(stage));
      emit({
        type: 'stage.started',
        job: job.id,
        stage: stage.name,
        ...(stage.steps !== undefined && { steps: stage.steps(recipe.parameters) }),
        ...(resume !== undefined && { resumedFromStep: resume.step }),
      });
      if (stage.steps !== undefined) counts.first ??= resume?.step ?? 0;
      try {
        const output = await stage.run(this.#context(stage, saves, resume, counts));
        const content = await checkpoints.save(recipe, output, contentCheck(stage), replaces);
        await saves?.remove();
        this.#accept(stage, content);
        break;
      } catch (thrown) {
        await saves?.settled();
        const error = toEspalier(thrown, stage.name);
        // What fails for good is not gone on with.
        if (error instanceof TerminalError) await saves?.remove();
        if (!CRASHES.has(error.code) || crashes >= crashRetries) throw error;
        logger.warn({ stage: stage.name, err: error }, 'a process crashed: the stage goes on in a fresh one');
        this.#notice({ code: error.code, message: `${error.message}; the stage goes on in a fresh process` });
      }
    }
    this.#finished(stage, {
      seconds: looking + (performance.now() - started) / 1000,
      cached: false,
      ...(counts.first !== undefined && {
        steps: (counts.last ?? counts.first) - counts.first,
        ...(counts.first > 0 && { resumed_from_step: counts.first }),
      }),
    });
  }

  #context(
    stage: Stage,
    saves: PartialSaves | undefined,
    resume: PartialContent | undefined,
    counts: { last?: number },
  ): StageContext {
    const { job, model, choices, networks, cpu, signal, saveEveryMs, emit } = this.#options;
    return {
      job,
      model,
      choices,
      networks,
      cpu,
      signal,
      saveEveryMs,
      resume,
      parameters: this.#recipes[stage.name].parameters,
      input: <S>(input: Stage<S>) => this.#content(input) as StageContent<S>,
      onStep: (step, steps) => {
        counts.last = step;
        emit({ type: 'stage.step', job: job.id, stage: stage.name, step, steps });
      },
      onDeviceFree: () => emit({ type: 'device.freed', job: job.id }),
      onSave: async (save) => saves?.offer(save),
      notice: (notice) => this.#notice(notice),
    };
  }

  #content(stage: Pick<Stage, 'name'>): StageContent<unknown> {
    const content = this.#contents.get(stage.name);
    if (content === undefined) throw new Error(`stage ${stage.name} is not among the inputs`);
    return content;
  }

  #accept(stage: Stage, content: StageContent<unknown>): void {
    stage.judge?.(content);
    this.#contents.set(stage.name, content);
    for (const notice of stage.notices?.(content) ?? []) this.#notice(notice);
  }

  #finished(stage: Stage, stats: StageStats): void {
    const { job, emit } = this.#options;
    this.stats.set(stage.name, stats);
    emit({ type: 'stage.finished', job: job.id, stage: stage.name, ...stats });
  }

  #notice({ code, message }: Notice): void {
    this.#options.emit({ type: 'job.notice', job: this.#options.job.id, code, message });
  }
}

/** What is no error of ours is a fault of ours, or of the machine: worth another try, with its cause kept. */
function toEspalier(thrown: unknown, stage: StageName): EspalierError {
  if (thrown instanceof EspalierError) return thrown;
  const { message } = ensureError(thrown);
  return new RetryableError(`stage ${stage}: ${message}`, { code: 'STAGE_FAILED', cause: thrown });
}
