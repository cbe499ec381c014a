/** Calls to the server this page came from. A key, where one is needed, lives in this tab only. */
import { byId } from './dom.js';

/** @typedef {import('../src/schemas/jobs.ts').JobView} Job */
/** @typedef {import('../src/schemas/jobs.ts').JobSummary} JobSummary */
/** @typedef {import('../src/http/http-error.ts').ErrorAnswer} ErrorAnswer */

export class ApiError extends Error {
  /**
   * @param {number} status 0: the server did not answer
   * @param {Partial<ErrorAnswer>} answer
   */
  constructor(status, answer) {
    super(answer.error ?? `the server answered ${status}`);
    this.status = status;
    this.field = answer.field;
    this.remedy = answer.remedy;
    this.code = answer.code;
  }
}

const KEY = 'espalier.key';

/**
 * @param {string} path
 * @param {RequestInit & {json?: unknown}} [options]
 * @returns {Promise<Response>} with a good status
 * @throws {ApiError}
 */
export async function call(path, { json, ...options } = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    /** @type {Response} */
    let response;
    try {
      response = await fetch(path, {
        ...options,
        headers: {
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...(key !== null && { authorization: `Bearer ${key}` }),
          .../** @type {Record<string, string> | undefined} */ (options.headers),
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new ApiError(0, { error: 'the server does not answer', code: 'UNREACHABLE' });
    }
    if (response.ok) return response;
    if (response.status === 401) {
      await askForKey();
      continue;
    }
    throw new ApiError(response.status, await response.json().catch(() => ({})));
  }
}

/** @type {Promise<void> | undefined} */
let asking;

/** One dialog, however many calls were refused. */
function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = byId('key', HTMLDialogElement);
    const value = byId('key-value', HTMLInputElement);
    value.value = '';
    dialog.addEventListener(
      'close',
      () => {
        sessionStorage.setItem(KEY, value.value.trim());
        asking = undefined;
        resolve();
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}

/**
 * @param {unknown} body
 * @returns {Promise<string>} the job's id
 */
export async function submitJob(body) {
  // The same click sent twice by a shaky network is one job.
  const response = await call('/run', {
    method: 'POST',
    json: body,
    headers: { 'idempotency-key': crypto.randomUUID() },
  });
  return (await response.json()).id;
}

/**
 * @param {string} id
 * @param {{texture_size?: number, simplify?: number}} change
 * @returns {Promise<string>} the new job's id
 */
export async function refinishJob(id, change) {
  const response = await call(`/jobs/${encodeURIComponent(id)}/refinish`, { method: 'POST', json: change });
  return (await response.json()).id;
}

/** @param {string} link */
export async function post(link) {
  await call(link, { method: 'POST' });
}

/**
 * @param {number} limit
 * @returns {Promise<{jobs: JobSummary[], next?: string}>}
 */
export async function listJobs(limit) {
  return (await call(`/jobs?limit=${limit}`)).json();
}

/** @returns {Promise<import('zod').infer<typeof import('../src/schemas/runpod.ts').HealthSchema>>} */
export async function health() {
  return (await call('/health')).json();
}

/**
 * Follows a job until it ends or `signal` is aborted. Comes back by itself when the connection breaks.
 *
 * @param {string} id
 * @param {{onJob: (job: Job) => void, onLost: (error: ApiError) => void, signal: AbortSignal}} options
 */
export async function followJob(id, { onJob, onLost, signal }) {
  for (let pause = 500; !signal.aborted; pause = Math.min(8000, pause * 2)) {
    try {
      const response = await call(`/jobs/${encodeURIComponent(id)}/events`, { signal });
      for await (const event of eventsOf(response)) {
        pause = 500;
        if (event.type === 'end') return;
        if (event.type === 'job') onJob(JSON.parse(event.data));
      }
    } catch (error) {
      if (signal.aborted) return;
      const fault = error instanceof ApiError ? error : new ApiError(0, { error: 'the connection broke' });
      onLost(fault);
      if (fault.status >= 400 && fault.status < 500 && fault.status !== 429) return;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/**
 * EventSource cannot send a key, so the stream is read by hand.
 * @param {Response} response
 */
async function* eventsOf(response) {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = { type: 'message', data: '' };
      for (const line of text.slice(0, end).split('\n')) {
        if (line.startsWith('event: ')) event.type = line.slice(7);
        if (line.startsWith('data: ')) event.data += line.slice(6);
      }
      text = text.slice(end + 2);
      if (event.data !== '') yield event;
    }
  }
}
