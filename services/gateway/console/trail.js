/** The job's life as its record tells it. */
import { h } from './dom.js';
import { clock } from './format.js';

/**
 * @param {import('./api.js').Job} job
 * @param {boolean} open
 */
export function trail(job, open) {
  return h(
    'details',
    { class: 'log trail', open },
    h('summary', {}, 'What happened'),
    h(
      'ol',
      {},
      ...job.trail.map((entry) =>
        h(
          'li',
          {},
          h('time', { datetime: entry.at }, clock(entry.at)),
          h('span', {}, entry.stage ?? entry.state),
          h(
            'span',
            { class: 'hint' },
            [entry.note, entry.worker, entry.attempt > 1 ? `attempt ${entry.attempt}` : ''].filter(Boolean).join(' · '),
          ),
        ),
      ),
    ),
  );
}
