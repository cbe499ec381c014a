/** The form. The server judges what is sent; its answer is shown at the field it names. */
import { ApiError, submitJob } from './api.js';
import { byId, h, icon } from './dom.js';
import { percent } from './format.js';

export const TEXTURE_SIZES = [512, 1024, 2048, 4096];
const IDEAS = [
  'A wooden treasure chest',
  'A red chair with black legs',
  'A stone castle tower',
  'A golden crown',
  'A small blue boat',
];
const PROMPT_MAX = 1000;
/** Files that can be asked for beside the model, and what people call them. */
const EXTRA_OUTPUTS = [
  ['glb-webp-meshopt', 'small GLB'],
  ['ply', 'splat PLY'],
  ['spz', 'splat SPZ'],
  ['obj', 'OBJ'],
  ['stl', 'STL'],
  ['turntable', 'turntable'],
];
/** Fields with a place for a complaint. */
const FIELDS = ['prompt', 'seed', 'simplify', 'texture_size'];

/**
 * @param {HTMLElement} box
 * @param {string} name
 * @param {number} chosen
 */
export function textureChoice(box, name, chosen) {
  box.replaceChildren(
    ...TEXTURE_SIZES.map((size) =>
      h('label', {}, h('input', { type: 'radio', name, value: size, checked: size === chosen }), h('span', {}, size)),
    ),
  );
}

/**
 * @param {HTMLElement} box
 * @returns {number}
 */
export function chosenTexture(box) {
  const checked = box.querySelector('input:checked');
  return checked instanceof HTMLInputElement ? Number(checked.value) : 1024;
}

/**
 * @param {HTMLInputElement} range
 * @param {HTMLOutputElement} output
 */
export function showShare(range, output) {
  const show = () => {
    output.textContent = percent(Number(range.value));
  };
  range.addEventListener('input', show);
  show();
}

export class Composer {
  /** @param {(id: string) => void} onSubmitted */
  constructor(onSubmitted) {
    this.form = byId('composer', HTMLFormElement);
    this.prompt = byId('prompt', HTMLTextAreaElement);
    this.seed = byId('seed', HTMLInputElement);
    this.simplify = byId('simplify', HTMLInputElement);
    this.sizes = byId('texture-sizes', HTMLElement);
    this.button = byId('submit', HTMLButtonElement);
    this.onSubmitted = onSubmitted;
    textureChoice(this.sizes, 'texture_size', 1024);
    showShare(this.simplify, byId('simplify-value', HTMLOutputElement));
    byId('outputs', HTMLElement).append(
      ...EXTRA_OUTPUTS.map(([value, name]) =>
        h('label', {}, h('input', { type: 'checkbox', value }), h('span', {}, name)),
      ),
    );
    const dice = byId('dice', HTMLButtonElement);
    dice.append(icon('dice'));
    dice.addEventListener('click', () => {
      this.seed.value = String(crypto.getRandomValues(new Uint32Array(1))[0]);
    });
    byId('ideas', HTMLElement).append(
      ...IDEAS.map((idea) =>
        h('li', {}, h('button', { type: 'button', onclick: () => this.fill({ prompt: idea }) }, idea)),
      ),
    );
    this.prompt.addEventListener('input', () => this.#count());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        void this.#submit();
      }
    });
    this.#count();
  }

  /** @param {{prompt?: string | undefined, seed?: number | undefined, simplify?: number | undefined, texture_size?: number | undefined}} values */
  fill(values) {
    if (values.prompt !== undefined) this.prompt.value = values.prompt;
    if (values.seed !== undefined) this.seed.value = String(values.seed);
    if (values.simplify !== undefined) {
      this.simplify.value = String(values.simplify);
      this.simplify.dispatchEvent(new Event('input'));
    }
    if (values.texture_size !== undefined) textureChoice(this.sizes, 'texture_size', values.texture_size);
    this.#complain({});
    this.#count();
    this.prompt.focus();
  }

  #count() {
    const length = [...this.prompt.value].length;
    byId('prompt-hint', HTMLElement).textContent = length > PROMPT_MAX * 0.6 ? `${length} / ${PROMPT_MAX}` : '';
  }

  async #submit() {
    if (this.button.disabled) return;
    this.button.disabled = true;
    this.#complain({});
    try {
      this.onSubmitted(await submitJob(this.#body()));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#complain({ field: error.field, message: error.message, remedy: error.remedy });
    } finally {
      this.button.disabled = false;
    }
  }

  #body() {
    const steps = (/** @type {string} */ id) => {
      const value = optionalNumber(byId(id, HTMLInputElement).value);
      return value === undefined ? undefined : { steps: value };
    };
    const structure = steps('structure-steps');
    const latent = steps('latent-steps');
    const webhook = byId('webhook', HTMLInputElement).value.trim();
    const deadline = optionalNumber(byId('deadline', HTMLInputElement).value);
    return {
      input: {
        prompt: this.prompt.value,
        seed: optionalNumber(this.seed.value),
        simplify: Number(this.simplify.value),
        texture_size: chosenTexture(this.sizes),
      },
      // A picture for the list of jobs is made with the asset.
      outputs: ['glb', 'preview', ...chosenOutputs()],
      ...((structure ?? latent) && { sampler: { structure, latent } }),
      ...(webhook !== '' && { webhook }),
      ...(deadline !== undefined && { deadline_seconds: deadline }),
    };
  }

  /** @param {{field?: string | undefined, message?: string, remedy?: string | undefined}} complaint */
  #complain({ field, message = '', remedy }) {
    const own = FIELDS.find((name) => name === field);
    for (const name of FIELDS) {
      byId(`${name}-error`, HTMLElement).textContent = name === own ? message : '';
      const input = document.getElementById(name);
      if (name === own) input?.setAttribute('aria-invalid', 'true');
      else input?.removeAttribute('aria-invalid');
    }
    byId('form-error', HTMLElement).textContent =
      own === undefined && message !== '' ? `${message}${remedy ? ` (${remedy})` : ''}` : '';
    if (own !== undefined) document.getElementById(own)?.focus();
  }
}

/** Files to make beside the model. */
function chosenOutputs() {
  const chosen = byId('outputs', HTMLElement).querySelectorAll('input:checked');
  return [...chosen].map((input) => /** @type {HTMLInputElement} */ (input).value);
}

/**
 * Text that is no number goes to the server as it is: it has the right words for it.
 *
 * @param {string} text
 * @returns {number | string | undefined}
 */
function optionalNumber(text) {
  const value = text.trim();
  if (value === '') return undefined;
  return Number.isFinite(Number(value)) ? Number(value) : value;
}
