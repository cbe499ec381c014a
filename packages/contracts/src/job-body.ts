/** From bytes that anybody may have sent to plain JSON: bounded before it is parsed, refused with a reason. */
import { RejectedError } from './errors.ts';

/** A full prompt with every option fills under 20 kB; nothing that is meant comes near this. */
export const JOB_BODY_MAX_BYTES = 256 * 1024;
/** Deeper than any job; shallow enough for every recursive reader. */
export const JOB_BODY_MAX_DEPTH = 32;

/**
 * @param bytes the job's JSON text in UTF-8
 * @throws RejectedError BODY_TOO_LARGE, BODY_EMPTY, BODY_NOT_UTF8, BODY_TOO_DEEP, BODY_NOT_JSON
 */
export function parseJobBody(bytes: Uint8Array): unknown {
  refuseOversized(bytes.byteLength);
  const text = decode(bytes);
  if (text.trim() === '') {
    throw new RejectedError('the job is empty', {
      code: 'BODY_EMPTY',
      remedy: 'write a JSON object such as {"prompt": "A wooden treasure chest"}',
    });
  }
  if (nestingDepth(text) > JOB_BODY_MAX_DEPTH) {
    throw new RejectedError(`the job is nested more than ${JOB_BODY_MAX_DEPTH} levels deep`, {
      code: 'BODY_TOO_DEEP',
      remedy: 'a job is a flat object: {"prompt": "..."} or {"input": {"prompt": "..."}}',
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RejectedError(`the job is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      code: 'BODY_NOT_JSON',
      remedy: 'check the file with a JSON linter',
      cause,
    });
  }
}

/** @throws RejectedError BODY_TOO_LARGE: callers that know the size first need not read the body at all. */
export function refuseOversized(size: number): void {
  if (size <= JOB_BODY_MAX_BYTES) return;
  throw new RejectedError(`the job has ${size} bytes; at most ${JOB_BODY_MAX_BYTES} are read`, {
    code: 'BODY_TOO_LARGE',
    remedy: 'a job holds a prompt and a few numbers: send nothing else in it',
  });
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RejectedError('the job is not UTF-8 text', {
      code: 'BODY_NOT_UTF8',
      remedy: 'save the file as UTF-8',
      cause,
    });
  }
}

/** Deepest level of brackets outside strings, counted without recursion and without building anything. */
function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i];
    if (inString) {
      if (character === '\\') i += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (character === '}' || character === ']') depth -= 1;
  }
  return deepest;
}
