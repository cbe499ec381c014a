/**
 * Pictures for the gallery. A job's own preview where there is one; else the model is drawn once, out of sight,
 * and the picture kept in this browser.
 */
import { call } from './api.js';
import { load } from './viewer.js';

const CACHE = 'espalier-thumbnails-1';
const EDGE = 360;

/** @type {Map<string, Promise<string | undefined>>} */
const known = new Map();
/** Models are drawn one after the other. */
let drawing = Promise.resolve();

/**
 * @param {import('./api.js').JobSummary} job
 * @returns {Promise<string | undefined>} a URL for an image
 */
export function thumbnailOf(job) {
  const name = `/thumbnails/${encodeURIComponent(job.id)}/${encodeURIComponent(job.finished_at ?? '')}`;
  let thumbnail = known.get(name);
  if (thumbnail === undefined) {
    thumbnail = find(name, job).catch(() => undefined);
    known.set(name, thumbnail);
  }
  return thumbnail;
}

/**
 * @param {string} name
 * @param {import('./api.js').JobSummary} job
 */
async function find(name, job) {
  // Caches are there on https and on localhost only; without them the picture is drawn again after a reload.
  const cache = 'caches' in window ? await caches.open(CACHE) : undefined;
  const stored = await cache?.match(name);
  if (stored !== undefined) return URL.createObjectURL(await stored.blob());
  const { preview, model } = job.links;
  if (preview !== undefined) return URL.createObjectURL(await (await call(preview)).blob());
  if (model === undefined) return undefined;
  const turn = drawing.then(() => draw(model));
  drawing = turn.then(
    () => {},
    () => {},
  );
  const picture = await turn;
  await cache?.put(name, new Response(picture, { headers: { 'content-type': 'image/webp' } }));
  return URL.createObjectURL(picture);
}

/** @param {string} link */
async function draw(link) {
  const url = URL.createObjectURL(await (await call(link)).blob());
  const viewer = /** @type {import('./viewer.js').ModelViewer} */ (document.createElement('model-viewer'));
  for (const [name, value] of Object.entries({
    'camera-orbit': '-32deg 72deg 112%',
    'environment-image': 'neutral',
    'shadow-intensity': '0.8',
    'interaction-prompt': 'none',
    loading: 'eager',
    reveal: 'auto',
    'aria-hidden': 'true',
  }))
    viewer.setAttribute(name, value);
  // In the page, or it is never drawn; behind everything, or it would be seen.
  Object.assign(viewer.style, {
    position: 'fixed',
    left: '0',
    top: '0',
    width: `${EDGE}px`,
    height: `${EDGE}px`,
    opacity: '0',
    pointerEvents: 'none',
    zIndex: '-1',
  });
  document.body.append(viewer);
  try {
    await load(viewer, url);
    // The camera would glide to its place.
    viewer.jumpCameraToGoal();
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return await viewer.toBlob({ mimeType: 'image/webp', qualityArgument: 0.9 });
  } finally {
    viewer.remove();
    URL.revokeObjectURL(url);
  }
}
