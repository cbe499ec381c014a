/** The delivery log of a job's webhook: looked at again by itself while something is still to come. */
import { call, post } from './api.js';
import { h, toast } from './dom.js';
import { clock, seconds } from './format.js';

/** @typedef {import('zod').infer<typeof import('../src/schemas/jobs.ts').DeliveriesSchema>} Log */
/** @typedef {Log['deliveries'][number]} Delivery */

/** Milliseconds between two looks. */
const PAUSE = 3000;

/** What each state means to somebody who waits for the webhook. */
const WORDS = {
  pending: 'to be tried again',
  delivered: 'delivered',
  gone: 'given up: the receiver wants no more',
  refused: 'refused',
  exhausted: 'given up: too many tries',
};

/**
 * @param {import('./api.js').Job} job
 * @param {string} link
 * @param {boolean} open
 */
export function deliveryLog(job, link, open) {
  const state = h('span', { class: 'chip' }, 'when the job ends');
  const body = h('div', { class: 'body' });
  const details = h('details', { class: 'log deliveries', open }, h('summary', {}, 'Webhook deliveries ', state), body);
  if (job.finished_at === undefined) return details;
  let shown = '';
  const look = async () => {
    try {
      /** @type {Log} */
      const log = await (await call(link)).json();
      const text = JSON.stringify(log);
      if (text !== shown) {
        const last = log.deliveries.at(-1);
        state.textContent = last === undefined ? 'not tried yet' : last.state;
        state.className = `chip ${last?.state ?? ''}`;
        body.replaceChildren(...view(log, look));
      }
      shown = text;
      if (log.deliveries.every((delivery) => delivery.state !== 'pending') && log.deliveries.length > 0) return;
    } catch (error) {
      body.replaceChildren(h('p', { class: 'error' }, error instanceof Error ? error.message : String(error)));
    }
    setTimeout(() => details.isConnected && void look(), PAUSE);
  };
  void look();
  return details;
}

/**
 * @param {Log} log
 * @param {() => Promise<void>} look
 */
function view({ deliveries, links }, look) {
  if (deliveries.length === 0) return [h('p', { class: 'hint' }, 'Nothing was sent yet.')];
  const replay = links?.replay;
  const again = async () => {
    if (replay === undefined) return;
    try {
      await post(replay);
      toast('Telling it again');
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
    }
    await look();
  };
  return [
    ...deliveries.map(entry),
    ...(replay === undefined ? [] : [h('button', { type: 'button', class: 'ghost', onclick: again }, 'Tell it again')]),
  ];
}

/** @param {Delivery} delivery */
function entry(delivery) {
  const next = delivery.state === 'pending' && delivery.next_at ? ` at ${clock(delivery.next_at)}` : '';
  return h(
    'section',
    {},
    h('p', {}, h('b', {}, delivery.type), ' to ', h('code', {}, delivery.url), `: ${WORDS[delivery.state]}${next}`),
    h(
      'ol',
      {},
      ...delivery.tries.map(({ at, status, error, seconds: took }) =>
        h(
          'li',
          {},
          h('time', { datetime: at }, clock(at)),
          h('span', {}, status === undefined ? 'no answer' : `answered ${status}`),
          h('span', { class: 'hint' }, [news(error, status), seconds(took)].filter(Boolean).join(' · ')),
        ),
      ),
    ),
  );
}

/**
 * What the error says beyond the status, which stands beside it.
 *
 * @param {string | undefined} error
 * @param {number | undefined} status
 */
function news(error, status) {
  return error?.replace(`answered ${status}`, '').replace(/^: /, '');
}
