/** What a finished job cost and what it made, readable at a glance. */
import { h } from './dom.js';
import { bytes, count, percent, seconds } from './format.js';

/** @typedef {NonNullable<import('./api.js').Job['stats']>} Stats */

/**
 * @param {import('./api.js').Job} job
 * @param {Stats} stats
 */
export function statsView(job, stats) {
  return h('div', { class: 'facts' }, timeSection(job, stats), assetSection(stats), runSection(job, stats));
}

/**
 * @param {import('./api.js').Job} job
 * @param {Stats} stats
 */
function timeSection(job, stats) {
  const longest = Math.max(0.001, ...job.stages.map((stage) => stage.seconds ?? 0));
  const cached = job.stages.filter((stage) => stage.state === 'cached');
  return h(
    'section',
    { 'aria-label': 'Time' },
    h('h3', {}, `Where ${seconds(stats.generation_time_seconds)} went`),
    h(
      'dl',
      { class: 'bars' },
      ...job.stages.map((stage) => {
        const fill = h('i');
        fill.style.width = `${((stage.seconds ?? 0) / longest) * 100}%`;
        return h(
          'div',
          { class: stage.state },
          h('dt', {}, stage.name),
          h('dd', { class: 'bar', 'aria-hidden': 'true' }, fill),
          h('dd', { class: 'seconds' }, stage.seconds === undefined ? '–' : seconds(stage.seconds)),
        );
      }),
    ),
    h(
      'p',
      { class: 'legend' },
      h('span', {}, h('i'), 'computed'),
      cached.length > 0 &&
        h('span', {}, h('i', { class: 'cached' }), `${cached.length} of ${job.stages.length} stages from checkpoints`),
    ),
  );
}

/** @param {Stats} stats */
function assetSection(stats) {
  const { min, max } = stats.bounds;
  const size = max.map((value, axis) => (value - (min[axis] ?? 0)).toFixed(2)).join(' × ');
  return h(
    'section',
    { 'aria-label': 'Asset' },
    h('h3', {}, 'The asset'),
    list({
      Vertices: count(stats.vertex_count),
      Faces: count(stats.face_count),
      'Faces before': `${count(stats.raw_face_count)}, ${removed(stats)} removed`,
      Texture: `${stats.texture_size} px`,
      File: bytes(stats.glb_size_bytes),
      Size: size,
      'glTF check':
        stats.validator.errors === 0
          ? stats.validator.warnings === 0
            ? 'clean'
            : `${stats.validator.warnings} warnings`
          : `${stats.validator.errors} errors`,
    }),
  );
}

/**
 * @param {import('./api.js').Job} job
 * @param {Stats} stats
 */
function runSection(job, stats) {
  const inference = stats.peak_memory_bytes.inference;
  return h(
    'section',
    { 'aria-label': 'Run' },
    h('h3', {}, 'The run'),
    list({
      Seed: String(stats.seed_used),
      Model: stats.model.name,
      Device: stats.device,
      Memory:
        inference === undefined
          ? bytes(stats.peak_memory_bytes.main)
          : `${bytes(stats.peak_memory_bytes.main)} + ${bytes(inference)}`,
      'Prompt tokens': `${stats.tokens.used} of ${stats.tokens.tokens} read`,
      Attempts: String(job.attempt),
    }),
  );
}

/**
 * What a person should know about the prompt.
 * @param {Stats} stats
 */
export function promptNotices(stats) {
  const notices = [];
  if (stats.tokens.truncated) {
    notices.push(
      h(
        'p',
        { class: 'notice' },
        'The text encoder did not see the end of the prompt: ',
        h('b', {}, stats.tokens.truncated_text),
      ),
    );
  }
  if (stats.tokens.unknown_words.length > 0) {
    notices.push(
      h(
        'p',
        { class: 'notice' },
        'The bundled model does not know: ',
        h('b', {}, stats.tokens.unknown_words.join(', ')),
        ...(stats.tokens.remedy === undefined ? [] : [h('br'), stats.tokens.remedy]),
      ),
    );
  }
  return notices;
}

/** @param {Record<string, string>} entries */
function list(entries) {
  return h(
    'dl',
    { class: 'list' },
    ...Object.entries(entries).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

/**
 * Never rounded to all of them.
 * @param {Stats} stats
 */
function removed(stats) {
  const share = 1 - stats.face_count / Math.max(1, stats.raw_face_count);
  return share > 0.99 && share < 1 ? `${(Math.floor(share * 1000) / 10).toFixed(1)}%` : percent(share);
}
