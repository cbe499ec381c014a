/** The job that is looked at: its progress, its asset, what can be done with it. */
import { call, followJob, post, refinishJob } from './api.js';
import { chosenTexture, showShare, textureChoice } from './composer.js';
import { deliveryLog } from './deliveries.js';
import { announce, byId, growingLattice, h, icon, toast } from './dom.js';
import { ago, clock, percent } from './format.js';
import { promptNotices, statsView } from './stats.js';
import { shareDone, timeline } from './timeline.js';
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
    this.#startRetexture();
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
    view.push(trail(job, this.#isOpen('.trail')));
    if (job.links.deliveries !== undefined) view.push(deliveryLog(job.links.deliveries, this.#isOpen('.deliveries')));
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
    this.#curtain(growingLattice(1), h('p', { class: 'hint' }, 'Unwrapping the asset…'));
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
        tool('brush', 'Re-texture', () => this.#openRetexture(job)),
      );
    } else tools.push(h('span', { class: 'grow' }));
    if (job.seed !== undefined) tools.push(tool('copy', 'Copy seed', () => void copySeed(job)));
    if (job.prompt !== undefined) tools.push(tool('edit', 'Use again', () => this.onReuse(job)));
    const { cancel, retry, model } = links;
    if (retry !== undefined) tools.push(tool('again', 'Try again', () => this.#act(retry, 'Trying again'), 'primary'));
    if (cancel !== undefined) tools.push(tool('stop', 'Cancel', () => this.#act(cancel, 'Cancelling'), 'danger'));
    if (model !== undefined) tools.push(tool('download', 'Download', () => void download(job, model), 'primary'));
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

  #startRetexture() {
    const dialog = byId('retexture', HTMLDialogElement);
    showShare(byId('retexture-simplify', HTMLInputElement), byId('retexture-simplify-value', HTMLOutputElement));
    dialog.querySelector('[data-close]')?.addEventListener('click', () => dialog.close());
    dialog.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#retexture(dialog);
    });
  }

  /** @param {Job} job */
  #openRetexture(job) {
    textureChoice(byId('retexture-sizes', HTMLElement), 'retexture-size', job.texture_size === 2048 ? 1024 : 2048);
    const simplify = byId('retexture-simplify', HTMLInputElement);
    simplify.value = String(job.simplify ?? 0.95);
    simplify.dispatchEvent(new Event('input'));
    byId('retexture-error', HTMLElement).textContent = '';
    byId('retexture', HTMLDialogElement).showModal();
  }

  /** @param {HTMLDialogElement} dialog */
  async #retexture(dialog) {
    if (this.job === undefined) return;
    try {
      const id = await refinishJob(this.job.id, {
        texture_size: chosenTexture(byId('retexture-sizes', HTMLElement)),
        simplify: Number(byId('retexture-simplify', HTMLInputElement).value),
      });
      dialog.close();
      location.hash = `#/jobs/${encodeURIComponent(id)}`;
    } catch (error) {
      byId('retexture-error', HTMLElement).textContent = error instanceof Error ? error.message : String(error);
    }
  }
}

/**
 * @param {Parameters<typeof icon>[0]} image
 * @param {string} label
 * @param {() => void} onClick
 * @param {'ghost' | 'primary' | 'danger'} [kind]
 */
function tool(image, label, onClick, kind = 'ghost') {
  return h(
    'button',
    { type: 'button', class: kind, title: label, onclick: onClick },
    icon(image),
    h('span', { class: 'label' }, label),
  );
}

/** @param {Job} job */
async function copySeed(job) {
  try {
    await navigator.clipboard.writeText(String(job.seed));
    toast(`Seed ${job.seed} copied`);
  } catch {
    // Without the right to the clipboard, or over plain http from elsewhere.
    toast(`Seed ${job.seed}`);
  }
}

/**
 * @param {Job} job
 * @param {string} link
 */
async function download(job, link) {
  try {
    const url = URL.createObjectURL(await (await call(link)).blob());
    h('a', { href: url, download: `${job.id}.glb` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {Job} job
 * @param {boolean} open
 */
function trail(job, open) {
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

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
