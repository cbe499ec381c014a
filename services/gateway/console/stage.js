/** The job that is looked at: its progress, its asset, what can be done with it. */
import { followJob, post } from './api.js';
import { deliveryLog } from './deliveries.js';
import { announce, byId, growingLattice, h, toast } from './dom.js';
import { filesView } from './files.js';
import { ago, clock, percent } from './format.js';
import { Retexture } from './retexture.js';
import { promptNotices, statsView } from './stats.js';
import { thumbnailOf } from './thumbnails.js';
import { shareDone, timeline } from './timeline.js';
import { copySeed, download, tool } from './tools.js';
import { trail } from './trail.js';
import { Viewer } from './viewer.js';

/** @typedef {import('./api.js').Job} Job */

export class Stage {
  /** @param {{onChange: () => void, onReuse: (job: Job) => void}} options */
  constructor({ onChange, onReuse }) {
    this.onChange = onChange;
    this.onReuse = onReuse;
    this.viewer = new Viewer();
    this.curtain = byId('curtain', HTMLElement);
    this.sheet = byId('sheet', HTMLElement);
    this.tools = byId('tools', HTMLElement);
    /** @type {Job | undefined} */
    this.job = undefined;
    this.following = new AbortController();
    this.state = '';
    this.retexture = new Retexture((id) => {
      location.hash = `#/jobs/${encodeURIComponent(id)}`;
    });
    this.#showNothing();
  }

  /** @param {string} id the empty text: none */
  open(id) {
    this.following.abort();
    this.following = new AbortController();
    this.job = undefined;
    this.state = '';
    this.viewer.hide();
    this.sheet.replaceChildren();
    this.tools.hidden = true;
    if (id === '') return this.#showNothing();
    this.#curtain(h('p', { class: 'hint' }, 'Looking…'));
    void followJob(id, {
      signal: this.following.signal,
      onJob: (job) => this.#show(job),
      onLost: (error) => {
        if (error.status === 404) this.#curtain(h('strong', {}, 'There is no such job'), h('p', { class: 'hint' }, id));
        else toast(`${error.message}; trying again`);
      },
    });
  }

  /** @param {Job} job */
  #show(job) {
    this.job = job;
    /** @type {Node[]} */
    const view = [this.#title(job), timeline(job), ...this.#notices(job)];
    if (job.stats !== undefined) view.push(statsView(job, job.stats));
    if (job.files !== undefined) view.push(filesView(job.id, job.files));
    view.push(trail(job, this.#isOpen('.trail')));
    if (job.links.deliveries !== undefined)
      view.push(deliveryLog(job, job.links.deliveries, this.#isOpen('.deliveries')));
    this.sheet.replaceChildren(...view);
    document.title =
      job.state === 'running'
        ? `${percent(shareDone(job))} · ${job.prompt ?? job.id}`
        : `${job.prompt ?? job.id} · Espalier`;
    if (job.state === 'succeeded') void this.#showModel(job);
    else this.#showProgress(job);
    if (job.state !== this.state) {
      this.state = job.state;
      this.#showTools(job);
      announce(`${job.prompt ?? job.id}: ${job.state}`);
      this.onChange();
    } else if (job.state === 'running' && job.stage !== undefined) announce(`${job.stage} of ${job.prompt ?? job.id}`);
  }

  /**
   * What was unfolded stays so when the job is drawn anew.
   * @param {string} selector
   */
  #isOpen(selector) {
    const element = this.sheet.querySelector(selector);
    return element instanceof HTMLDetailsElement && element.open;
  }

  /** @param {Job} job */
  async #showModel(job) {
    const link = job.links.model;
    if (link === undefined || this.viewer.link === link) return;
    // The picture that the worker made, or one that was drawn before, while the asset itself is on its way.
    const picture = job.links.preview === undefined ? undefined : await thumbnailOf(job);
    if (this.job?.links.model !== link) return;
    this.#curtain(
      picture === undefined ? growingLattice(1) : h('img', { class: 'poster', src: picture, alt: '' }),
      h('p', { class: 'hint' }, 'Unwrapping the asset…'),
    );
    try {
      if (await this.viewer.show(link, job.prompt ?? job.id)) this.curtain.replaceChildren();
    } catch (error) {
      this.viewer.link = '';
      this.#curtain(
        h('strong', {}, 'The asset is there, but cannot be shown'),
        h('p', { class: 'error' }, error instanceof Error ? error.message : ''),
      );
    }
  }

  /** @param {Job} job */
  #showProgress(job) {
    const done = shareDone(job);
    if (job.state === 'running') {
      const counted = job.steps === undefined ? '' : `, step ${job.step ?? 0} of ${job.steps}`;
      const doing = job.cancel_requested
        ? 'Stopping at the next step…'
        : job.stage === undefined
          ? 'Starting…'
          : `${capital(job.stage)}${counted}`;
      this.#curtain(growingLattice(done), h('p', { class: 'big' }, percent(done)), h('p', { class: 'hint' }, doing));
    } else if (job.state === 'queued') {
      this.#curtain(
        growingLattice(0),
        h('strong', {}, job.attempt > 0 ? 'Waiting to go on' : 'In the queue'),
        h('p', { class: 'hint' }, `since ${clock(job.submitted_at)}`),
      );
    } else if (job.state === 'cancelled') {
      this.#curtain(
        growingLattice(done),
        h('strong', {}, 'Cancelled'),
        h('p', { class: 'hint' }, 'What was computed is kept: the same prompt and seed go on from there.'),
      );
    } else {
      this.#curtain(
        growingLattice(done),
        h('strong', {}, job.state === 'rejected' ? 'This job cannot run' : 'This job failed'),
        h('p', { class: 'error' }, job.error?.message ?? ''),
        h('p', { class: 'hint' }, job.error?.remedy ?? ''),
      );
    }
  }

  #showNothing() {
    document.title = 'Espalier';
    this.#curtain(
      growingLattice(1),
      h('strong', {}, 'A prompt becomes a textured 3D asset'),
      h('p', { class: 'hint' }, 'Write what it shall be, or open a job below.'),
    );
  }

  /** @param {...(Node | string)} children */
  #curtain(...children) {
    this.curtain.replaceChildren(h('div', {}, ...children));
  }

  /** @param {Job} job */
  #title(job) {
    return h(
      'div',
      { class: 'title' },
      h('h2', {}, job.prompt ?? job.id),
      h('span', { class: `chip ${job.state}` }, job.cancel_requested ? 'stopping' : job.state),
      h(
        'span',
        { class: 'hint' },
        [
          job.seed === undefined ? '' : `seed ${job.seed}`,
          job.texture_size === undefined ? '' : `texture ${job.texture_size}`,
          ago(job.submitted_at),
        ]
          .filter((text) => text !== '')
          .join(' · '),
      ),
    );
  }

  /** @param {Job} job */
  #notices(job) {
    const notices = job.stats === undefined ? [] : promptNotices(job.stats);
    const { from } = job.links;
    if (from !== undefined)
      notices.push(
        h(
          'p',
          { class: 'notice' },
          'Another finish of ',
          h('a', { href: `#${from}` }, decodeURIComponent(from.slice('/jobs/'.length))),
          '.',
        ),
      );
    return notices;
  }

  /** @param {Job} job */
  #showTools(job) {
    const { links } = job;
    /** @type {Node[]} */
    const tools = [];
    if (links.model !== undefined) {
      tools.push(
        h(
          'div',
          { class: 'segments', role: 'radiogroup', 'aria-label': 'Surface' },
          ...[false, true].map((wire) =>
            h(
              'label',
              {},
              h('input', {
                type: 'radio',
                name: 'surface',
                checked: wire === this.viewer.wireframe,
                onchange: () => this.viewer.setWireframe(wire),
              }),
              h('span', {}, wire ? 'Wireframe' : 'Texture'),
            ),
          ),
        ),
        this.#rotateButton(),
        h('span', { class: 'grow' }),
        tool('brush', 'Re-texture', () => this.retexture.open(job)),
      );
    } else tools.push(h('span', { class: 'grow' }));
    if (job.seed !== undefined) tools.push(tool('copy', 'Copy seed', () => void copySeed(job)));
    if (job.prompt !== undefined) tools.push(tool('edit', 'Use again', () => this.onReuse(job)));
    const { cancel, retry, model } = links;
    if (retry !== undefined) tools.push(tool('again', 'Try again', () => this.#act(retry, 'Trying again'), 'primary'));
    if (cancel !== undefined) tools.push(tool('stop', 'Cancel', () => this.#act(cancel, 'Cancelling'), 'danger'));
    if (model !== undefined)
      tools.push(tool('download', 'Download', () => void download(`${job.id}.glb`, model), 'primary'));
    this.tools.replaceChildren(...tools);
    this.tools.hidden = false;
  }

  #rotateButton() {
    const button = tool('rotate', 'Turn', () => {
      this.viewer.setRotating(!this.viewer.rotating);
      button.setAttribute('aria-pressed', String(this.viewer.rotating));
    });
    button.setAttribute('aria-pressed', String(this.viewer.rotating));
    return button;
  }

  /**
   * @param {string} link
   * @param {string} said
   */
  async #act(link, said) {
    try {
      await post(link);
      toast(said);
      // A stream that has ended does not come back by itself.
      if (this.job !== undefined && (this.job.state === 'failed' || this.job.state === 'cancelled'))
        this.open(this.job.id);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
    }
    this.onChange();
  }
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
