/** model-viewer, and the two things it has no attribute for: wireframe, and telling when a model is really shown. */

import { call } from './api.js';
import { byId } from './dom.js';

/**
 * @typedef {HTMLElement & {
 *   src: string | null, alt: string | null, autoRotate: boolean, loaded: boolean, cameraOrbit: string,
 *   jumpCameraToGoal(): void, resetTurntableRotation(theta?: number): void,
 *   toBlob(options?: {mimeType?: string, qualityArgument?: number, idealAspect?: boolean}): Promise<Blob>,
 * }} ModelViewer
 */

/** Turning by itself is for those who do not mind movement. */
const STILL = matchMedia('(prefers-reduced-motion: reduce)');

export class Viewer {
  constructor() {
    this.element = /** @type {ModelViewer} */ (byId('viewer', HTMLElement));
    this.wireframe = false;
    this.rotating = !STILL.matches;
    /** Link of the model that is shown or being fetched. */
    this.link = '';
    this.url = '';
  }

  /**
   * Shows a model. The one before stays until the new one is there.
   *
   * @param {string} link
   * @param {string} alt
   * @returns {Promise<boolean>} false when another one was asked for meanwhile
   * @throws {Error} when it cannot be fetched or is no model
   */
  async show(link, alt) {
    if (this.link === link) return this.element.loaded;
    this.link = link;
    const blob = await (await call(link)).blob();
    if (this.link !== link) return false;
    URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(blob);
    this.element.hidden = false;
    await load(this.element, this.url);
    if (this.link !== link) return false;
    this.element.alt = alt;
    this.element.autoRotate = this.rotating;
    this.#applyWireframe();
    return true;
  }

  hide() {
    this.link = '';
    this.element.hidden = true;
    this.element.removeAttribute('src');
  }

  /** @param {boolean} on */
  setWireframe(on) {
    this.wireframe = on;
    this.#applyWireframe();
  }

  /** @param {boolean} on */
  setRotating(on) {
    this.rotating = on;
    this.element.autoRotate = on;
  }

  #applyWireframe() {
    const scene = sceneOf(this.element);
    scene?.traverse((object) => {
      const materials = object.material === undefined ? [] : [object.material].flat();
      for (const material of materials) {
        if (material.name === 'espalier-shadow' || material.wireframe === undefined) continue;
        if (object.geometry?.index === null && !object.isMesh) continue;
        material.wireframe = this.wireframe;
        material.needsUpdate = true;
      }
    });
    scene?.queueRender?.();
  }
}

/**
 * @param {ModelViewer} element
 * @param {string} url
 * @returns {Promise<void>}
 */
export function load(element, url) {
  return new Promise((resolve, reject) => {
    const end = () => {
      element.removeEventListener('load', onLoad);
      element.removeEventListener('error', onError);
    };
    const onLoad = () => {
      end();
      resolve();
    };
    /** @param {Event} event */
    const onError = (event) => {
      end();
      const detail = /** @type {CustomEvent} */ (event).detail;
      reject(
        new Error(`the model cannot be shown: ${detail?.sourceError?.message ?? detail?.type ?? 'unknown fault'}`),
      );
    };
    element.addEventListener('load', onLoad);
    element.addEventListener('error', onError);
    element.src = url;
  });
}

/**
 * model-viewer keeps its three.js scene under a symbol of that name.
 *
 * @param {ModelViewer} element
 * @returns {{traverse(visit: (object: {
 *   isMesh?: boolean, geometry?: {index: unknown}, material?: Material | Material[],
 * }) => void): void, queueRender?(): void} | undefined}
 */
function sceneOf(element) {
  const key = Object.getOwnPropertySymbols(element).find((symbol) => symbol.description === 'scene');
  return key === undefined ? undefined : Reflect.get(element, key);
}

/** @typedef {{name: string, wireframe?: boolean, needsUpdate: boolean}} Material */
