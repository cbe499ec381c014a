/** Puts the page together. Where it stands is in the address: a reload or another tab shows the same. */
import './model-viewer.js';
import { ApiError, health } from './api.js';
import { Composer } from './composer.js';
import { byId, h } from './dom.js';
import { Gallery } from './gallery.js';
import { Stage } from './stage.js';
import { startTheme } from './theme.js';

/** Milliseconds between two looks at the list while the page is seen. */
const PAUSE = 2000;

startTheme();
const gallery = new Gallery(() => {});
const composer = new Composer((id) => {
  location.hash = `#/jobs/${encodeURIComponent(id)}`;
  void look();
  if (matchMedia('(max-width: 860px)').matches) byId('stage', HTMLElement).scrollIntoView();
});
const stage = new Stage({
  onChange: () => void look(),
  onReuse: (job) =>
    composer.fill({ prompt: job.prompt, seed: job.seed, simplify: job.simplify, texture_size: job.texture_size }),
});

function route() {
  const match = /^#\/jobs\/(.+)$/.exec(location.hash);
  const id = match === null ? '' : decodeURIComponent(match[1] ?? '');
  gallery.select(id);
  stage.open(id);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

async function look() {
  clearTimeout(timer);
  const line = byId('health', HTMLElement);
  try {
    const [{ jobs, workers }] = await Promise.all([health(), gallery.refresh()]);
    const working = workers.running + workers.idle;
    line.replaceChildren(
      h('span', {}, h('b', {}, jobs.inProgress), ' running'),
      h('span', {}, h('b', {}, jobs.inQueue), ' waiting'),
      h('span', {}, h('b', {}, jobs.completed), ' done'),
      ...(working > 0 ? [h('span', {}, h('b', {}, working), working === 1 ? ' worker' : ' workers')] : []),
    );
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    line.replaceChildren(h('span', { class: 'error' }, error.message));
  }
  timer = setTimeout(() => void look(), document.hidden ? PAUSE * 10 : PAUSE);
}

window.addEventListener('hashchange', route);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void look();
});
route();
void look();
