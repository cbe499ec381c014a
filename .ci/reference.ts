/**
 * The reference of jobs and results, made of the schemas that the program checks with: `docs/schemas/*.json`
 * (JSON Schema 2020-12) and `docs/reference.md`.
 *
 *   tsx .ci/reference.ts            writes them
 *   tsx .ci/reference.ts --check    exits 1, naming the files, when they are not what the sources say
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import * as contracts from '../packages/contracts/src/index.ts';
import { fieldDocs } from './schema-docs.ts';
import { fieldTable, type JsonSchema } from './schema-tables.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = join(ROOT, 'packages/contracts/src');

/** What callers may send. These four take anything and answer in words of their own, so their shape stands here. */
const INPUT: Record<string, JsonSchema> = {
  prompt: {
    type: 'string',
    minLength: 1,
    maxLength: contracts.PROMPT_MAX_CHARACTERS,
    pattern: '\\S',
    description: 'What to make. White space at both ends is taken off.',
  },
  seed: {
    type: ['integer', 'null'],
    minimum: 0,
    maximum: contracts.SEED_MAX,
    description: 'The same seed makes the same asset. Absent or null: drawn at random.',
  },
  simplify: {
    type: 'number',
    minimum: 0,
    maximum: 1,
    default: contracts.SIMPLIFY_DEFAULT,
    description: `Share of faces that is REMOVED. Default ${contracts.SIMPLIFY_DEFAULT}.`,
  },
  texture_size: {
    type: 'integer',
    minimum: contracts.TEXTURE_SIZE_MIN,
    maximum: contracts.TEXTURE_SIZE_MAX,
    default: contracts.TEXTURE_SIZE_DEFAULT,
    description: `Edge of the texture in pixels. Default ${contracts.TEXTURE_SIZE_DEFAULT}.`,
  },
};

/** Checks that a JSON Schema cannot take from the code: ids and tags are checked by functions. */
const EXTRAS: Record<string, JsonSchema> = {
  id: {
    type: 'string',
    pattern: '^(?!.*\\.\\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
    description: 'Name of the job. A job file without one goes by its file name.',
  },
  tags: {
    type: 'object',
    maxProperties: 50,
    propertyNames: { maxLength: 128 },
    additionalProperties: { type: 'string', maxLength: 256 },
    description: 'Texts of your own, repeated in `stats.json` and in webhooks.',
  },
};

const EXTRA_WORDS: Record<string, string> = {
  webhook: 'Told when the job ends: an http or https URL.',
  webhook_format: '`standard`: signed, as Standard Webhooks has it (default). `runpod`: what RunPod posts.',
  outputs: 'Files to make.',
  sampler: "Overrides of the model's own sampler settings.",
  target_faces: 'Faces to keep, in place of `simplify`.',
  bake_from: 'What the texture is baked from. Default: the Gaussians, where the model gives any.',
  deadline_seconds: 'Counted from submission; then the job is given up.',
};

/** Path in the repository, and content. */
export function referenceFiles(): Map<string, string> {
  const job = jobSchema();
  const files: [string, string, JsonSchema][] = [
    ['job', 'A job: `jobs/<id>.json`, a queue message, the body of `POST /run`', job],
    ['stats', 'What was made: `results/<id>/stats.json`', toJson(contracts.JobStatsSchema, 'output')],
    ['status', 'Where a job is: `status/<id>.json`', toJson(contracts.JobStatusSchema, 'output')],
    ['rejection', 'Why a job was refused: `rejected/<id>.json`', toJson(contracts.RejectionSchema, 'output')],
  ];
  const result = new Map<string, string>();
  const sections: string[] = [];
  for (const [name, title, schema] of files) {
    const { $schema, ...rest } = schema;
    const whole = {
      $schema,
      $id: `urn:espalier:schema:${name}`,
      title: title.replaceAll('`', ''),
      ...rest,
    };
    result.set(`docs/schemas/${name}.json`, `${JSON.stringify(whole, null, 2)}\n`);
    const table = name === 'job' ? (schema.$defs as { bare: JsonSchema }).bare : schema;
    sections.push(`## ${title}\n\n[JSON Schema](schemas/${name}.json)\n\n${fieldTable(table)}\n`);
  }
  result.set('docs/reference.md', [HEAD, ...sections].join('\n'));
  return result;
}

const HEAD = `# Reference of jobs and results

Made from the schemas that the program checks with, by \`npm run docs:reference\`; not to be edited. What the fields mean together,
and every error message, stands in [job.md](job.md). A job comes bare, as in the table below, or with its first four fields
inside \`"input"\`; or it names an earlier job in \`"from"\` and only \`simplify\` and \`texture_size\` beside it.
`;

function jobSchema(): JsonSchema {
  const { $schema, ...bare } = toJson(contracts.BareJobSchema, 'input');
  const properties = { ...bare.properties, ...INPUT, ...describeExtras(bare.properties ?? {}) };
  const { prompt: _prompt, seed: _seed, simplify, texture_size, sampler: _sampler, ...extras } = properties;
  const others = { ...extras, sampler: properties.sampler as JsonSchema };
  const from = { ...(EXTRAS.id as JsonSchema), description: 'Job to take prompt, seed and sampler from.' };
  const finish = { simplify: simplify as JsonSchema, texture_size: texture_size as JsonSchema };
  const object = (fields: Record<string, JsonSchema>, required: string[]): JsonSchema => ({
    type: 'object',
    properties: fields,
    required,
    additionalProperties: false,
  });
  const defs = {
    bare: object(properties, ['prompt']),
    envelope: object({ input: object(INPUT, ['prompt']), ...others }, ['input']),
    from: object({ from, ...finish, ...extras, input: object(finish, []) }, ['from']),
  };
  return { $schema, anyOf: Object.keys(defs).map((name) => ({ $ref: `#/$defs/${name}` })), $defs: defs };
}

function describeExtras(fields: Readonly<Record<string, JsonSchema>>): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.keys(contracts.JOB_EXTRAS).map((name) => {
      const field = EXTRAS[name] ?? { ...fields[name], description: EXTRA_WORDS[name] ?? '' };
      if (!field.description) throw new Error(`.ci/reference.ts says nothing of the job's field '${name}'`);
      return [name, field];
    }),
  );
}

/** With the descriptions that stand in the sources. */
function toJson(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const docs = fieldDocs(SOURCES);
  const names = new Map(Object.entries(contracts).map(([name, value]) => [value as unknown, name]));
  const json = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const known = docs.get(names.get(zodSchema) ?? '');
      if (known !== undefined) jsonSchema[FIELD_DOCS] = Object.fromEntries(known);
    },
  });
  return described(json) as JsonSchema;
}

const FIELD_DOCS = 'x-field-docs';

/** Moves descriptions from a type to its fields. Only now: before, fields of one schema are one object. */
function described(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(described);
  if (!contracts.isObject(value)) return value;
  const { [FIELD_DOCS]: docs, ...rest } = value;
  const copy = Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, described(inner)]));
  if (!contracts.isObject(docs) || !contracts.isObject(copy.properties)) return copy;
  const fields = Object.entries(copy.properties).map(([name, field]) => [
    name,
    contracts.isObject(field) && docs[name] !== undefined ? { ...field, description: docs[name] } : field,
  ]);
  return { ...copy, properties: Object.fromEntries(fields) };
}

/** Files that are not what the sources say. */
export function staleFiles(): string[] {
  return [...referenceFiles()]
    .filter(([path, content]) => !existsSync(join(ROOT, path)) || readFileSync(join(ROOT, path), 'utf8') !== content)
    .map(([path]) => path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const stale = staleFiles();
    for (const path of stale) process.stderr.write(`${path} is not what the sources say: npm run docs:reference\n`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    for (const [path, content] of referenceFiles()) {
      mkdirSync(dirname(join(ROOT, path)), { recursive: true });
      writeFileSync(join(ROOT, path), content);
      process.stdout.write(`${path}\n`);
    }
  }
}
