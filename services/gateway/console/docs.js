/** The API as a page, drawn from /openapi.json alone. */
import { byId, h } from './dom.js';
import { startTheme } from './theme.js';

/**
 * @typedef {{
 *   $ref?: string, type?: string, description?: string, format?: string, enum?: unknown[], const?: unknown, items?: Schema,
 *   properties?: Record<string, Schema>, required?: string[], anyOf?: Schema[], minimum?: number, maximum?: number,
 *   minLength?: number, maxLength?: number, additionalProperties?: Schema | boolean, prefixItems?: Schema[], example?: unknown,
 * }} Schema
 * @typedef {{description?: string, content?: Record<string, {schema?: Schema}>}} Body
 * @typedef {{
 *   operationId?: string, tags?: string[], summary?: string, description?: string, requestBody?: Body & {required?: boolean},
 *   parameters?: {name: string, in: string, required?: boolean, description?: string, schema?: Schema}[],
 *   responses?: Record<string, Body>,
 * }} Operation
 * @typedef {{
 *   info: {title: string, version: string, description?: string}, tags?: {name: string, description?: string}[],
 *   paths: Record<string, Record<string, Operation>>, components?: {schemas?: Record<string, Schema>},
 * }} Document
 */

startTheme();

/** @type {Document} */
const api = await (await fetch('/openapi.json')).json();
const contents = byId('contents', HTMLElement);
const article = byId('operations', HTMLElement);

article.replaceChildren(
  h(
    'div',
    {},
    h('h1', {}, `${api.info.title} ${api.info.version}`),
    h('p', { class: 'hint' }, (api.info.description ?? '').replaceAll('`', '')),
  ),
);
for (const tag of api.tags ?? []) {
  contents.append(h('h3', {}, tag.name));
  article.append(h('h3', {}, `${tag.name}: ${tag.description ?? ''}`));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.tags?.[0] !== tag.name) continue;
      const id = operation.operationId ?? `${method}${path}`;
      contents.append(h('a', { href: `#${id}` }, verb(method), path));
      article.append(section(id, method, path, operation));
    }
  }
}
document.getElementById(location.hash.slice(1))?.scrollIntoView();

/** @param {string} method */
function verb(method) {
  return h('span', { class: `verb ${method}` }, method.toUpperCase());
}

/**
 * @param {string} id
 * @param {string} method
 * @param {string} path
 * @param {Operation} operation
 */
function section(id, method, path, operation) {
  const body = schemaOf(operation.requestBody);
  const bodies = body?.anyOf?.map(resolve) ?? (body === undefined ? [] : [body]);
  const good = Object.entries(operation.responses ?? {}).filter(([status]) => status < '400');
  const bad = Object.entries(operation.responses ?? {}).filter(([status]) => status >= '400');
  return h(
    'section',
    { class: 'panel operation', id },
    h('h2', {}, verb(method), h('code', {}, path)),
    h('p', {}, [operation.summary, operation.description].filter(Boolean).join('. ').replaceAll('..', '.')),
    h('pre', {}, curl(method, path, bodies[0])),
    ...((operation.parameters ?? []).length > 0
      ? [
          h('h3', {}, 'Parameters'),
          table(
            (operation.parameters ?? []).map((item) => [
              item.name,
              { ...item.schema, description: `${item.in}. ${item.description ?? ''}` },
              item.required === true,
            ]),
          ),
        ]
      : []),
    ...bodies.flatMap((one, index) => [h('h3', {}, index === 0 ? 'Body' : 'Or'), table(rowsOf(one))]),
    ...good.flatMap(([status, answer]) => {
      const schema = schemaOf(answer);
      const type = Object.keys(answer.content ?? {})[0] ?? '';
      return [
        h('h3', {}, `${status} ${type}`),
        schema?.properties === undefined ? h('p', { class: 'hint' }, answer.description ?? '') : table(rowsOf(schema)),
      ];
    }),
    h(
      'details',
      {},
      h('summary', {}, 'Refusals'),
      h(
        'table',
        {},
        ...bad.map(([status, answer]) => h('tr', {}, h('td', {}, status), h('td', {}, answer.description ?? ''))),
      ),
    ),
  );
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Schema | undefined} body
 */
function curl(method, path, body) {
  const url = `${location.origin}${path.replaceAll('{id}', 'JOB_ID').replaceAll('{name}', 'stats.json')}`;
  if (method === 'get') return `curl ${url}`;
  const data =
    body?.example === undefined
      ? ''
      : ` \\\n  -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(body.example)}'`;
  return `curl -X ${method.toUpperCase()} ${url}${data}`;
}

/**
 * @param {Body | undefined} body
 * @returns {Schema | undefined}
 */
function schemaOf(body) {
  const schema = Object.values(body?.content ?? {})[0]?.schema;
  return schema === undefined ? undefined : resolve(schema);
}

/**
 * @param {Schema} schema
 * @returns {Schema}
 */
function resolve(schema) {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (api.components?.schemas?.[name] ?? {});
}

/**
 * Properties of an object and, indented by their names, of the objects in it.
 *
 * @param {Schema} schema
 * @param {string} [prefix]
 * @returns {[string, Schema, boolean][]}
 */
function rowsOf(schema, prefix = '') {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const whole = resolve(property);
    const inner = whole.type === 'array' && whole.items !== undefined ? resolve(whole.items) : whole;
    const path = `${prefix}${name}${inner === whole ? '' : '[]'}`;
    /** @type {[string, Schema, boolean][]} */
    const row = [
      [
        path,
        { ...whole, ...(property.description !== undefined && { description: property.description }) },
        schema.required?.includes(name) === true,
      ],
    ];
    return inner.properties === undefined || path.split('.').length > 3 ? row : [...row, ...rowsOf(inner, `${path}.`)];
  });
}

/** @param {[string, Schema, boolean][]} rows */
function table(rows) {
  return h(
    'table',
    {},
    ...rows.map(([name, schema, required]) =>
      h(
        'tr',
        {},
        h('td', {}, h('code', {}, name)),
        h(
          'td',
          {},
          h('span', { class: 'type' }, `${typeName(schema)}${required ? ', required' : ''}. `),
          schema.description ?? '',
        ),
      ),
    ),
  );
}

/**
 * @param {Schema} schema
 * @returns {string}
 */
function typeName(schema) {
  const whole = resolve(schema);
  if (whole.enum !== undefined) return whole.enum.join(' | ');
  if (whole.const !== undefined) return String(whole.const);
  if (whole.anyOf !== undefined) return whole.anyOf.map(typeName).join(' or ');
  if (whole.type === 'array') return `list of ${typeName(whole.items ?? whole.prefixItems?.[0] ?? {})}`;
  const low = whole.minimum ?? whole.minLength;
  const high = whole.maximum ?? whole.maxLength;
  const range = low === undefined && high === undefined ? '' : ` ${low ?? ''}…${high ?? ''}`;
  return `${whole.format ?? whole.type ?? 'any'}${range}`;
}
