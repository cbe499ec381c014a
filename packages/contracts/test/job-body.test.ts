import { expect, it } from 'vitest';
import { JOB_BODY_MAX_BYTES, parseJobBody, RejectedError } from '../src/index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const codeOf = (body: Uint8Array) => {
  try {
    parseJobBody(body);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    expect(error.remedy?.length, 'every refusal says what to do').toBeGreaterThan(10);
    return error.code;
  }
};

it('refuses what is no job text, each with its own code', () => {
  expect(codeOf(new Uint8Array())).toBe('BODY_EMPTY');
  expect(codeOf(bytes(' \n\t'))).toBe('BODY_EMPTY');
  expect(codeOf(bytes('a chest'))).toBe('BODY_NOT_JSON');
  expect(codeOf(bytes('{"prompt": "a"'))).toBe('BODY_NOT_JSON');
  expect(codeOf(bytes("{'prompt': 1}"))).toBe('BODY_NOT_JSON');
  expect(codeOf(Uint8Array.of(0x22, 0xff, 0xfe, 0x22))).toBe('BODY_NOT_UTF8');
  expect(codeOf(new Uint8Array(10 * 1024 * 1024).fill(0x20))).toBe('BODY_TOO_LARGE');
  expect(codeOf(bytes('['.repeat(100_000)))).toBe('BODY_TOO_DEEP');
  expect(codeOf(bytes(`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`))).toBe('BODY_TOO_DEEP');
});

it('reads what is', () => {
  expect(parseJobBody(bytes('\ufeff{"prompt":"a"}')), 'a byte order mark').toEqual({ prompt: 'a' });
  expect(parseJobBody(bytes(`"${'['.repeat(1000)}\\"["`)), 'brackets in texts are no nesting').toHaveLength(1002);
  expect(parseJobBody(bytes(`{"prompt":"${'x'.repeat(JOB_BODY_MAX_BYTES - 13)}"}`))).toBeTypeOf('object');
  expect(parseJobBody(bytes('{"seed":1,"seed":2}')), 'of a key given twice the last counts').toEqual({ seed: 2 });
  const sent = parseJobBody(bytes('{"__proto__":{"polluted":1}}'));
  expect(Object.hasOwn(sent as object, '__proto__')).toBe(true);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
