/** Small helpers around the DOM: elements without strings of HTML, so that nothing from a job is ever parsed. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [attributes] `on…` are listeners; false and undefined are left out
 * @param {...(Node | string | number | undefined | false)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) {
    if (child !== undefined && child !== false) element.append(typeof child === 'number' ? String(child) : child);
  }
  return element;
}

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Paths on a grid of 24, stroked. */
const ICONS = {
  auto: ['M12 3a9 9 0 1 0 0 18z', 'M12 3a9 9 0 0 1 0 18'],
  sun: [
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z',
    'M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600 19 19M19 5l-1.400 1.400M6.400 17.600 5 19',
  ],
  moon: ['M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z'],
  dice: [
    'M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z',
    'M8 8h.01M16 8h.01M12 12h.01M8 16h.01M16 16h.01',
  ],
  download: ['M12 4v11M7 11l5 5 5-5', 'M4 20h16'],
  copy: ['M9 9h10v11H9z', 'M5 15V4h10'],
  brush: ['M14 4l6 6-8 8H6v-6z', 'M4 21h16'],
  rotate: ['M20 11a8 8 0 1 0-2.300 6.300', 'M20 5v6h-6'],
  stop: ['M7 7h10v10H7z'],
  again: ['M4 12a8 8 0 0 1 14-5.300L20 9', 'M20 4v5h-5', 'M20 12a8 8 0 0 1-14 5.300L4 15', 'M4 20v-5h5'],
  edit: ['M4 20h4L19 9l-4-4L4 16z', 'M13 7l4 4'],
  cube: ['M12 3l8 4.500v9L12 21l-8-4.500v-9z', 'M12 12l8-4.500M12 12v9M12 12L4 7.500'],
  clock: ['M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z', 'M12 8v4l3 2'],
  cross: ['M6 6l12 12M18 6L6 18'],
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  for (const [key, value] of Object.entries({
    viewBox: '0 0 24 24',
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': '1.8',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
    'aria-hidden': 'true',
  }))
    svg.setAttribute(key, value);
  for (const d of ICONS[name]) svg.append(path(d));
  return svg;
}

/**
 * The sign of the house, growing: a trellis whose branches fill as the job goes on.
 *
 * @param {number} share 0 to 1
 */
export function growingLattice(share) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 120 120');
  svg.setAttribute('class', 'lattice');
  svg.setAttribute('fill', 'none');
  svg.setAttribute('stroke-width', '4');
  svg.setAttribute('stroke-linecap', 'round');
  svg.setAttribute('aria-hidden', 'true');
  for (let i = 0; i < 5; i += 1) {
    const wire = path(`M14 ${24 + i * 20}H106`, 'wood');
    wire.setAttribute('stroke-width', '2');
    svg.append(wire);
  }
  const branches = [
    'M60 112V16',
    'M60 100C30 100 22 92 22 74V60',
    'M60 100c30 0 38-8 38-26V60',
    'M60 66c-18 0-22-8-22-22v-8',
    'M60 66c18 0 22-8 22-22v-8',
  ];
  for (const [index, d] of branches.entries()) {
    const grown = Math.min(1, Math.max(0, share * (branches.length + 1) - index));
    const branch = path(d, 'grown');
    branch.setAttribute('pathLength', '1');
    branch.setAttribute('stroke-dasharray', `${grown} 2`);
    if (grown > 0) svg.append(branch);
  }
  const fruits = [
    [22, 52],
    [98, 52],
    [38, 28],
    [82, 28],
    [60, 9],
  ];
  for (const [index, [x, y]] of fruits.entries()) {
    if (share * 6 - index < 1.6) continue;
    const fruit = document.createElementNS(SVG, 'circle');
    for (const [key, value] of Object.entries({ cx: x, cy: y, r: 6.5, class: 'fruit' }))
      fruit.setAttribute(key, String(value));
    svg.append(fruit);
  }
  return svg;
}

/**
 * @param {string} d
 * @param {string} [className]
 */
function path(d, className) {
  const element = document.createElementNS(SVG, 'path');
  element.setAttribute('d', d);
  if (className !== undefined) element.setAttribute('class', className);
  return element;
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let toastTimer;

/** @param {string} text */
export function toast(text) {
  const element = byId('toast', HTMLElement);
  element.textContent = text;
  element.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    element.hidden = true;
  }, 3200);
}

/**
 * Says something to those who listen instead of looking.
 * @param {string} text
 */
export function announce(text) {
  const element = byId('announcer', HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}
