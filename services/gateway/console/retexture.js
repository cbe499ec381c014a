/** The dialog for another finish of the same shape: what it costs is said before it is asked for. */
import { refinishJob } from './api.js';
import { chosenTexture, showShare, textureChoice } from './composer.js';
import { byId } from './dom.js';
import { seconds } from './format.js';

/** @typedef {import('./api.js').Job} Job */

/** Stages that run again. */
const FINISH = ['surface', 'texture', 'export'];

export class Retexture {
  /** @param {(id: string) => void} onSubmitted */
  constructor(onSubmitted) {
    this.onSubmitted = onSubmitted;
    this.dialog = byId('retexture', HTMLDialogElement);
    this.sizes = byId('retexture-sizes', HTMLElement);
    this.simplify = byId('retexture-simplify', HTMLInputElement);
    this.error = byId('retexture-error', HTMLElement);
    /** @type {Job | undefined} */
    this.job = undefined;
    showShare(this.simplify, byId('retexture-simplify-value', HTMLOutputElement));
    this.dialog.querySelector('[data-close]')?.addEventListener('click', () => this.dialog.close());
    this.dialog.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  /** @param {Job} job */
  open(job) {
    this.job = job;
    textureChoice(this.sizes, 'retexture-size', job.texture_size === 2048 ? 1024 : 2048);
    this.simplify.value = String(job.simplify ?? 0.95);
    this.simplify.dispatchEvent(new Event('input'));
    this.error.textContent = '';
    byId('retexture-cost', HTMLElement).textContent = costOf(job);
    this.dialog.showModal();
  }

  async #submit() {
    if (this.job === undefined) return;
    try {
      const id = await refinishJob(this.job.id, {
        texture_size: chosenTexture(this.sizes),
        simplify: Number(this.simplify.value),
      });
      this.dialog.close();
      this.onSubmitted(id);
    } catch (error) {
      this.error.textContent = error instanceof Error ? error.message : String(error);
    }
  }
}

/**
 * In this very job's own seconds; nothing where they are not known, as after a finish from checkpoints alone.
 * @param {Job} job
 */
function costOf(job) {
  const spent = (/** @type {(name: string) => boolean} */ counts) =>
    job.stages.reduce((sum, { name, seconds: time = 0 }) => sum + (counts(name) ? time : 0), 0);
  const again = spent((name) => FINISH.includes(name));
  const spared = spent((name) => !FINISH.includes(name));
  if (again <= 0) return '';
  const fresh = job.stages.some(({ name, state }) => !FINISH.includes(name) && state === 'cached');
  return fresh || spared <= 0
    ? `The last finish took ${seconds(again)}.`
    : `The last finish took ${seconds(again)}; the ${seconds(spared)} before it are spared.`;
}
