/** Everything a job made, to be fetched one by one. */
import { h } from './dom.js';
import { download } from './tools.js';

/**
 * @param {string} id of the job
 * @param {Readonly<Record<string, string>>} files links by file name
 */
export function filesView(id, files) {
  return h(
    'ul',
    { class: 'files', 'aria-label': 'Files' },
    ...Object.entries(files).map(([name, link]) =>
      h('li', {}, h('button', { type: 'button', onclick: () => void download(`${id}-${name}`, link) }, name)),
    ),
  );
}
