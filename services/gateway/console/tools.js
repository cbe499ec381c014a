/** Buttons beside the asset, and what they do. */
import { call } from './api.js';
import { h, icon, toast } from './dom.js';

/** @typedef {import('./api.js').Job} Job */

/**
 * @param {Parameters<typeof icon>[0]} image
 * @param {string} label
 * @param {() => void} onClick
 * @param {'ghost' | 'primary' | 'danger'} [kind]
 */
export function tool(image, label, onClick, kind = 'ghost') {
  return h(
    'button',
    { type: 'button', class: kind, title: label, onclick: onClick },
    icon(image),
    h('span', { class: 'label' }, label),
  );
}

/** @param {Job} job */
export async function copySeed(job) {
  try {
    await navigator.clipboard.writeText(String(job.seed));
    toast(`Seed ${job.seed} copied`);
  } catch {
    // Without the right to the clipboard, or over plain http from elsewhere.
    toast(`Seed ${job.seed}`);
  }
}

/**
 * A link alone would not carry the key.
 *
 * @param {string} name of the file
 * @param {string} link
 */
export async function download(name, link) {
  try {
    const url = URL.createObjectURL(await (await call(link)).blob());
    h('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
  }
}
