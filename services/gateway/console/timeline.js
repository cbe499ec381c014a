/** The stages of a job as one line that fills. */
import { h } from './dom.js';
import { seconds } from './format.js';

/** Rough shares of a whole run, for one number; the bars show the truth stage by stage. */
const WEIGHTS = { condition: 1, structure: 30, latent: 38, decode: 10, surface: 8, texture: 10, export: 3 };

/** @param {import('./api.js').Job | import('./api.js').JobSummary} job */
export function shareDone(job) {
  if (job.state === 'succeeded') return 1;
  if (job.stage === undefined) return 0;
  let done = 0;
  let whole = 0;
  let reached = false;
  for (const [name, weight] of Object.entries(WEIGHTS)) {
    whole += weight;
    if (name === job.stage) {
      reached = true;
      done += weight * (job.step !== undefined && job.steps ? job.step / job.steps : 0);
    } else if (!reached) done += weight;
  }
  return done / whole;
}

/** @param {import('./api.js').Job} job */
export function timeline(job) {
  return h(
    'ol',
    { class: 'timeline', 'aria-label': 'Stages' },
    ...job.stages.map((stage) => {
      const counted = stage.steps !== undefined && stage.step !== undefined;
      const unknown = stage.state === 'running' && !counted ? ' unknown' : '';
      const fill = h('span', { class: 'fill' });
      if (stage.state === 'running' && stage.steps) fill.style.transform = `scaleX(${(stage.step ?? 0) / stage.steps})`;
      return h(
        'li',
        { class: stage.state + unknown, 'data-stage': stage.name, title: describe(stage) },
        h('span', { class: 'track' }, fill),
        h('span', { class: 'name' }, stage.name),
        h('span', { class: 'note' }, note(stage)),
      );
    }),
  );
}

/** @param {import('../src/schemas/jobs.ts').StageView} stage */
function note(stage) {
  if (stage.state === 'pending') return '';
  if (stage.state === 'cached') return 'from checkpoint';
  if (stage.state === 'stopped') return 'stopped here';
  if (stage.state === 'running') {
    return stage.steps === undefined ? 'working' : `step ${stage.step ?? 0} of ${stage.steps}`;
  }
  return stage.seconds === undefined ? 'done' : seconds(stage.seconds);
}

/** @param {import('../src/schemas/jobs.ts').StageView} stage */
function describe(stage) {
  const resumed = stage.resumed_from_step ? `, resumed at step ${stage.resumed_from_step}` : '';
  return `${stage.name}: ${note(stage) || 'to come'}${resumed}`;
}
