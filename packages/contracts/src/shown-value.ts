/** Values from outside in messages: as JSON, cut, and without what may be secret. */

const MOST = 60;

/** `1.5`, `"chest"`, `[1,2]`, `NaN`: one line, and of what is long its beginning. */
export function shownValue(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return cut(text);
}

/** A name or text in single quotes, cut; of anything else its JSON. */
export function quoted(value: unknown): string {
  return `'${typeof value === 'string' ? cut(value) : shownValue(value)}'`;
}

function cut(text: string): string {
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}

/** An address without its user name, password and query, where tokens are put. */
export function shownAddress(value: unknown): string {
  if (typeof value !== 'string') return shownValue(value);
  return shownValue(value.replace(/\/\/[^/?#]*@/, '//…@').replace(/[?#].+$/s, '?…'));
}

/** What stands at a fault's path, as zod gives it; own properties only. */
export function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
