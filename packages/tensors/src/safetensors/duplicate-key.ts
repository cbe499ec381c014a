/**
 * Finds keys that occur twice in one JSON object.
 *
 * `JSON.parse` keeps the last of them in silence, so two readers of one file could see different tensors.
 */

/**
 * @param text JSON text that has parsed already: this scan relies on its being well formed.
 * @returns The first repeated key, escapes resolved, or undefined.
 */
export function findDuplicateKey(text: string): string | undefined {
  /** Keys seen in each open object; null for an open array. */
  const open: (Set<string> | null)[] = [];
  let position = 0;
  while (position < text.length) {
    const char = text[position];
    if (char === '{') {
      open.push(new Set());
    } else if (char === '[') {
      open.push(null);
    } else if (char === '}' || char === ']') {
      open.pop();
    } else if (char === '"') {
      const end = endOfString(text, position);
      const keys = open.at(-1);
      if (keys && isFollowedByColon(text, end)) {
        const key: string = JSON.parse(text.slice(position, end));
        if (keys.has(key)) {
          return key;
        }
        keys.add(key);
      }
      position = end;
      continue;
    }
    position++;
  }
  return undefined;
}

function endOfString(text: string, start: number): number {
  let position = start + 1;
  while (text[position] !== '"') {
    position += text[position] === '\\' ? 2 : 1;
  }
  return position + 1;
}

function isFollowedByColon(text: string, start: number): boolean {
  let position = start;
  while (' \t\r\n'.includes(text[position] ?? 'x')) {
    position++;
  }
  return text[position] === ':';
}
