/** JSON Schema as tables for people. */

export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema | false;
  readonly prefixItems?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
}

/** Rows of `field | type | | meaning`, nested objects with dots. */
export function fieldTable(schema: JsonSchema): string {
  return ['| field | type | | meaning |', '|---|---|---|---|', ...rows(schema, '')].join('\n');
}

function rows(schema: JsonSchema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const needed = schema.required?.includes(name) ? 'always' : '';
    const inner = field.properties ? rows(field, `${path}.`) : itemRows(field, path);
    return [`| \`${path}\` | ${typeOf(field)} | ${needed} | ${cell(field.description ?? '')} |`, ...inner];
  });
}

function itemRows(field: JsonSchema, path: string): string[] {
  if (field.items !== false && field.items?.properties !== undefined) return rows(field.items, `${path}[].`);
  const values = field.additionalProperties;
  return typeof values === 'object' && values.properties ? rows(values, `${path}.<name>.`) : [];
}

function typeOf(field: JsonSchema): string {
  if (field.enum) return field.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (field.anyOf) return field.anyOf.map(typeOf).join(' or ');
  const limits = [range(field, 'minimum', 'maximum', ''), range(field, 'minLength', 'maxLength', ' characters')];
  const base = Array.isArray(field.type) ? field.type.join(' or ') : String(field.type ?? 'any');
  if (base === 'array' && field.prefixItems) return `[${field.prefixItems.map(typeOf).join(', ')}]`;
  if (base === 'array' && field.items) return `list of ${typeOf(field.items)}`;
  return [base, ...limits.filter((text) => text !== '')].join(', ');
}

function range(field: JsonSchema, least: string, most: string, unit: string): string {
  const [from, to] = [field[least], field[most]].map((value) =>
    // The bounds of exact integers are no bounds that anybody meant.
    typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value.toLocaleString('en-US') : undefined,
  );
  if (from === undefined && to === undefined) return '';
  if (from === undefined) return `at most ${to}${unit}`;
  return to === undefined ? `at least ${from}${unit}` : `${from} to ${to}${unit}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
