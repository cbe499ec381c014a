/** All jobs as cards. Asked for anew every few seconds while somebody looks. */
import { listJobs } from './api.js';
import { byId, h, icon } from './dom.js';
import { ago, percent } from './format.js';
import { thumbnailOf } from './thumbnails.js';
import { shareDone } from './timeline.js';

/** @typedef {import('./api.js').JobSummary} JobSummary */

const PAGE = 24;

export class Gallery {
  /** @param {(jobs: JobSummary[]) => void} onJobs called after every look */
  constructor(onJobs) {
    this.onJobs = onJobs;
    this.list = byId('gallery', HTMLElement);
    this.more = byId('more-jobs', HTMLButtonElement);
    this.limit = PAGE;
    this.selected = '';
    /** @type {Map<string, {card: HTMLElement, shown: string}>} */
    this.cards = new Map();
    /** Cards whose picture is worth making. */
    this.sight = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) target.dispatchEvent(new Event('insight'));
      }
    });
    this.more.addEventListener('click', () => {
      this.limit = Math.min(200, this.limit + PAGE);
      void this.refresh();
    });
  }

  /** @param {string} id */
  select(id) {
    this.selected = id;
    for (const [name, { card }] of this.cards) this.#mark(card, name);
  }

  async refresh() {
    const { jobs, next } = await listJobs(this.limit);
    this.more.hidden = next === undefined || this.limit >= 200;
    byId('gallery-count', HTMLElement).textContent =
      jobs.length === 0 ? '' : `${jobs.length}${next === undefined ? '' : '+'} ${jobs.length === 1 ? 'job' : 'jobs'}`;
    if (jobs.length === 0)
      this.list.replaceChildren(h('li', { class: 'empty' }, 'What you generate appears here, and stays.'));
    else this.#show(jobs);
    this.onJobs(jobs);
  }

  /** @param {JobSummary[]} jobs */
  #show(jobs) {
    const items = jobs.map((job) => {
      const shown = JSON.stringify([
        job.state,
        job.stage,
        job.step,
        job.prompt,
        job.finished_at,
        job.links.preview,
        ago(job.submitted_at),
      ]);
      const known = this.cards.get(job.id);
      if (known?.shown === shown) return known.card;
      // A picture that is there stays, whatever else of the card changes.
      const card = this.#card(job, known?.card.querySelector('.pic img') ?? undefined);
      // The place of the focus outlives the card.
      if (known?.card.contains(document.activeElement)) queueMicrotask(() => card.querySelector('a')?.focus());
      this.cards.set(job.id, { card, shown });
      return card;
    });
    for (const id of this.cards.keys()) if (!jobs.some((job) => job.id === id)) this.cards.delete(id);
    const same =
      items.length === this.list.children.length && items.every((item, index) => item === this.list.children[index]);
    if (!same) this.list.replaceChildren(...items);
  }

  /**
   * @param {JobSummary} job
   * @param {Element} [image] of the card before
   */
  #card(job, image) {
    const picture = h('div', { class: 'pic' });
    const working = job.state === 'running' || job.state === 'queued';
    if (job.state === 'running') {
      const fill = h('i');
      fill.style.width = percent(shareDone(job));
      picture.append(h('span', { class: 'percent' }, percent(shareDone(job))), h('span', { class: 'meter' }, fill));
    } else picture.append(icon(working ? 'clock' : job.state === 'succeeded' ? 'cube' : 'cross'));
    const link = h(
      'a',
      { class: 'card', href: `#/jobs/${encodeURIComponent(job.id)}` },
      picture,
      h(
        'div',
        { class: 'words' },
        h('p', { class: 'prompt' }, job.prompt ?? job.id),
        h(
          'p',
          { class: 'meta' },
          h(
            'span',
            { class: `dot ${job.state}` },
            job.links.from !== undefined && job.state === 'succeeded' ? 're-textured' : job.state,
          ),
          h('time', { datetime: job.submitted_at }, ago(job.submitted_at)),
        ),
      ),
    );
    const card = h('li', {}, link);
    if (job.state === 'succeeded' && image !== undefined) picture.replaceChildren(image);
    else if (job.state === 'succeeded') {
      link.addEventListener(
        'insight',
        async () => {
          this.sight.unobserve(link);
          const url = await thumbnailOf(job);
          if (url !== undefined) picture.replaceChildren(h('img', { src: url, alt: '', loading: 'lazy' }));
        },
        { once: true },
      );
      this.sight.observe(link);
    }
    this.#mark(card, job.id);
    return card;
  }

  /**
   * @param {HTMLElement} card
   * @param {string} id
   */
  #mark(card, id) {
    card.firstElementChild?.setAttribute('aria-current', String(id === this.selected));
  }
}
