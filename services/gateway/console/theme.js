/** Light, dark, or as the system says. */
import { byId, icon } from './dom.js';

const MODES = /** @type {const} */ (['auto', 'light', 'dark']);
const NAMES = { auto: 'automatic', light: 'light', dark: 'dark' };

export function startTheme() {
  const button = byId('theme', HTMLButtonElement);
  const stored = localStorage.getItem('espalier.theme');
  let mode = MODES.find((name) => name === stored) ?? 'auto';
  const show = () => {
    if (mode === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = mode;
    button.replaceChildren(icon(mode === 'auto' ? 'auto' : mode === 'light' ? 'sun' : 'moon'));
    button.setAttribute('aria-label', `Colour scheme: ${NAMES[mode]}`);
    button.title = `Colour scheme: ${NAMES[mode]}`;
  };
  button.addEventListener('click', () => {
    mode = MODES[(MODES.indexOf(mode) + 1) % MODES.length] ?? 'auto';
    localStorage.setItem('espalier.theme', mode);
    show();
  });
  show();
}
