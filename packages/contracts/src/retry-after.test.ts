import { expect, it } from 'vitest';
import { parseRetryAfter } from './retry-after.ts';

it('reads Retry-After in both forms, and nothing else', () => {
  const now = Date.UTC(2026, 0, 1);
  expect(parseRetryAfter('120', now)).toBe(120);
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:02:00 GMT', now)).toBe(120);
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
  for (const text of [undefined, null, '', 'soon', '-5', '1e3', '2026-01-01'])
    expect(parseRetryAfter(text, now)).toBeUndefined();
});
