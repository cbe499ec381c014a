/** The delivery log of a job's webhook. */
import { call } from './api.js';
import { h } from './dom.js';
import { clock, seconds } from './format.js';

/** @typedef {import('zod').infer<typeof import('../src/schemas/jobs.ts').DeliveriesSchema>['deliveries'][number]} Delivery */

/**
 * A folded list that is fetched when it is opened.
 *
 * @param {string} link
 * @param {boolean} open
 */
export function deliveryLog(link, open) {
  const list = h('ol');
  const details = h('details', { class: 'log deliveries' }, h('summary', {}, 'Webhook deliveries'), list);
  details.addEventListener('toggle', () => {
    if (details.open) void fill(list, link);
  });
  details.open = open;
  return details;
}

/**
 * @param {HTMLElement} list
 * @param {string} link
 */
async function fill(list, link) {
  try {
    /** @type {{deliveries: Delivery[]}} */
    const { deliveries } = await (await call(link)).json();
    if (deliveries.length === 0) list.replaceChildren(h('li', {}, h('span', { class: 'hint' }, 'Nothing yet.')));
    else list.replaceChildren(...deliveries.flatMap(rows));
  } catch (error) {
    list.replaceChildren(h('li', {}, h('span', { class: 'error' }, error instanceof Error ? error.message : '')));
  }
}

/** @param {Delivery} delivery */
function rows(delivery) {
  const next = delivery.next_at === undefined ? '' : `, next try at ${clock(delivery.next_at)}`;
  const head = h(
    'li',
    {},
    h('time', { datetime: delivery.created_at }, clock(delivery.created_at)),
    h('span', {}, delivery.state),
    h('span', { class: 'hint' }, `${delivery.type} to ${delivery.url}${next}`),
  );
  const tries = delivery.tries.map((entry) =>
    h(
      'li',
      {},
      h('time', { datetime: entry.at }, clock(entry.at)),
      h('span', {}, entry.status === undefined ? 'no answer' : `answered ${entry.status}`),
      h('span', { class: 'hint' }, `${entry.error ?? ''} ${seconds(entry.seconds)}`.trim()),
    ),
  );
  return [head, ...tries];
}
