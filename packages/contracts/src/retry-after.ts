/**
 * Seconds that a `Retry-After` header asks for, in either of its forms (RFC 9110, 10.2.3); undefined for anything else.
 *
 * @param now milliseconds since the epoch
 */
export function parseRetryAfter(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  // Dates are in GMT only; anything else would be read in this machine's zone.
  if (!/GMT$/.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}
