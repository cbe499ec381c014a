import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BareJobSchema, INPUT_MESSAGES, JobSchema, parseJob, parseJobInput, RejectedError } from '../src/index.ts';

const options = { id: 'from-file', random: (bound: number) => bound - 1 };
const parse = (body: unknown) => parseJob(body, options);

function refusal(body: unknown): RejectedError {
  try {
    parse(body);
  } catch (error) {
    if (error instanceof RejectedError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(body)}`);
}

describe('the four parameters', () => {
  const cases: [unknown, string][] = [
    [{}, "Missing required 'prompt' parameter"],
    [{ prompt: null }, "Missing required 'prompt' parameter"],
    [{ prompt: '' }, "Missing required 'prompt' parameter"],
    [{ prompt: 7 }, "'prompt' must be a string"],
    [{ prompt: true }, "'prompt' must be a string"],
    [{ prompt: ['chest'] }, "'prompt' must be a string"],
    [{ prompt: ' \t\n\u3000\x1c' }, "'prompt' cannot be empty or whitespace"],
    [{ prompt: 'x'.repeat(1001) }, "'prompt' exceeds maximum length of 1000 characters"],
    [{ prompt: '🪵'.repeat(1001) }, "'prompt' exceeds maximum length of 1000 characters"],
    [{ prompt: 'a', seed: '42' }, "'seed' must be an integer"],
    [{ prompt: 'a', seed: 4.2 }, "'seed' must be an integer"],
    [{ prompt: 'a', seed: true }, "'seed' must be an integer"],
    [{ prompt: 'a', seed: Number.POSITIVE_INFINITY }, "'seed' must be an integer"],
    [{ prompt: 'a', seed: -1 }, "'seed' must be between 0 and 2^32-1"],
    [{ prompt: 'a', seed: 2 ** 32 }, "'seed' must be between 0 and 2^32-1"],
    [{ prompt: 'a', seed: 1e300 }, "'seed' must be between 0 and 2^32-1"],
    [{ prompt: 'a', simplify: '0.9' }, "'simplify' must be a number"],
    [{ prompt: 'a', simplify: null }, "'simplify' must be a number"],
    [{ prompt: 'a', simplify: true }, "'simplify' must be a number"],
    [{ prompt: 'a', simplify: Number.NaN }, "'simplify' must be a number"],
    [{ prompt: 'a', simplify: 1.0001 }, "'simplify' must be between 0.0 and 1.0"],
    [{ prompt: 'a', simplify: -0.1 }, "'simplify' must be between 0.0 and 1.0"],
    [{ prompt: 'a', texture_size: 1024.5 }, "'texture_size' must be an integer"],
    [{ prompt: 'a', texture_size: null }, "'texture_size' must be an integer"],
    [{ prompt: 'a', texture_size: false }, "'texture_size' must be an integer"],
    [{ prompt: 'a', texture_size: 127 }, "'texture_size' must be between 128 and 4096"],
    [{ prompt: 'a', texture_size: 4097 }, "'texture_size' must be between 128 and 4096"],
  ];
  it.each(cases)('%j -> %s', (input, message) => {
    expect(refusal(input).message, 'bare').toBe(message);
    expect(refusal({ input }).message, 'envelope').toBe(message);
    expect(() => parseJobInput(input, options.random), 'alone').toThrow(message);
    const code = Object.entries(INPUT_MESSAGES).find(([, text]) => text === message)?.[0];
    expect(refusal(input).code, 'stable code').toBe(code);
    expect(refusal({ input }).field, 'field').toBe(message.match(/'(\w+)'/)?.[1]);
  });

  it('reports the first fault in the documented order, wherever its key stands', () => {
    const all = { texture_size: 'x', simplify: 'x', seed: 'x', prompt: 1 };
    expect(refusal(all).message).toBe("'prompt' must be a string");
    expect(refusal({ ...all, prompt: 'a' }).message).toBe("'seed' must be an integer");
    expect(refusal({ ...all, prompt: 'a', seed: 1 }).message).toBe("'simplify' must be a number");
    expect(refusal({ id: '../x', tags: 1, input: { ...all, prompt: 'a', seed: 1 } }).message).toBe(
      "'simplify' must be a number",
    );
  });

  it('trims, fills in defaults, and counts characters as Python does', () => {
    const job = parse({ prompt: ' \u00a0A wooden treasure chest\n' });
    expect(job).toEqual({
      id: 'from-file',
      input: { prompt: 'A wooden treasure chest', seed: 2 ** 32 - 1, simplify: 0.95, texture_size: 1024 },
      outputs: ['glb'],
      sampler: {},
      tags: {},
    });
    expect(parse({ prompt: '🪵'.repeat(1000) }).input.prompt).toHaveLength(2000);
    expect(parse({ prompt: ` ${'x'.repeat(1000)} ` }).input.prompt).toHaveLength(1000);
    expect(parse({ prompt: 'half \ud83e pair' }).input.prompt).toBe('half \ufffd pair');
    expect(parse({ prompt: 'a', seed: null }).input.seed, 'null asks for a random seed').toBe(2 ** 32 - 1);
    expect(parse(JSON.parse('{"prompt":"a","seed":42.0}')).input.seed).toBe(42);
    expect(Object.is(parse({ prompt: 'a', seed: -0, simplify: -0 }).input.seed, 0)).toBe(true);
    for (const edge of [
      { prompt: 'a', seed: 0, simplify: 0, texture_size: 128 },
      { prompt: 'a', seed: 2 ** 32 - 1, simplify: 1, texture_size: 4096 },
    ]) {
      expect(parse(edge).input).toEqual(edge);
    }
  });
});

describe('the envelope', () => {
  it('takes every documented field, in both forms', () => {
    const extras = {
      id: 'chest.v2_3-a',
      webhook: 'https://example.org/hook?x=1',
      outputs: ['glb', 'glb'],
      sampler: { structure: { steps: 12, cfg_strength: 7.5, cfg_interval: [0.5, 0.95], rescale_t: 3 }, latent: {} },
      deadline_seconds: 600,
      tags: { team: 'props', level: '3' },
    };
    const expected = { ...extras, outputs: ['glb'], input: { prompt: 'a', seed: 1, simplify: 0.5, texture_size: 256 } };
    expect(parse({ ...extras, input: { prompt: 'a', seed: 1, simplify: 0.5, texture_size: 256 } })).toEqual(expected);
    expect(parse({ ...extras, prompt: 'a', seed: 1, simplify: 0.5, texture_size: 256 })).toEqual(expected);
  });

  it('names unknown keys, and lets a known fault speak first with the keys as remedy', () => {
    const unknown = refusal({ prompt: 'a', sede: 1, ['x'.repeat(500)]: 1 });
    expect(unknown.code).toBe('UNKNOWN_KEYS');
    expect(unknown.message).toMatch(/^Unknown parameters 'sede', 'x{60}…'$/);
    expect(refusal({ input: { prompt: 'a', n: 1 } }).message).toBe("Unknown parameter 'input.n'");
    expect(refusal({ prompt: 'b', input: { prompt: 'a' } }).message).toBe("Unknown parameter 'prompt'");
    const typo = refusal({ promt: 'a' });
    expect(typo.message).toBe("Missing required 'prompt' parameter");
    expect(typo.remedy).toContain("'promt'");
    expect(refusal(JSON.parse('{"prompt":"a","__proto__":{"seed":1}}')).message).toBe("Unknown parameter '__proto__'");
    expect(refusal(JSON.parse('{"prompt":"a","constructor":1}')).message).toBe("Unknown parameter 'constructor'");
    expect(refusal(JSON.parse('{"prompt":"a","tags":{"__proto__":"x"}}')).code).toBe('TAGS_INVALID');
    expect(({} as Record<string, unknown>).seed, 'nothing was polluted').toBeUndefined();
  });

  const broken: [string, unknown, string][] = [
    ['a list', [], 'JOB_NOT_OBJECT'],
    ['null', null, 'JOB_NOT_OBJECT'],
    ['a text', 'chest', 'JOB_NOT_OBJECT'],
    ['input null', { input: null }, 'INPUT_INVALID'],
    ['input a list', { input: [] }, 'INPUT_INVALID'],
    ...['../x', 'a/b', 'a\\b', '.', '..', 'a..b', '', '.hidden', 'x'.repeat(129), 'é', 'a b', 'a\n', 7, null].map(
      (id): [string, unknown, string] => [`id ${String(id)}`, { prompt: 'a', id }, 'ID_INVALID'],
    ),
    ['webhook scheme', { prompt: 'a', webhook: 'file:///etc/passwd' }, 'WEBHOOK_INVALID'],
    ['webhook text', { prompt: 'a', webhook: 'nonsense' }, 'WEBHOOK_INVALID'],
    ['outputs', { prompt: 'a', outputs: ['fbx'] }, 'OUTPUTS_INVALID'],
    ['no outputs', { prompt: 'a', outputs: [] }, 'OUTPUTS_INVALID'],
    ['sampler steps', { prompt: 'a', sampler: { structure: { steps: 0 } } }, 'SAMPLER_INVALID'],
    ['sampler list', { prompt: 'a', sampler: [] }, 'SAMPLER_INVALID'],
    ['sampler interval', { prompt: 'a', sampler: { latent: { cfg_interval: [0.9, 0.5] } } }, 'SAMPLER_INVALID'],
    ['deadline', { prompt: 'a', deadline_seconds: 0 }, 'DEADLINE_SECONDS_INVALID'],
    ['deadline text', { prompt: 'a', deadline_seconds: '60' }, 'DEADLINE_SECONDS_INVALID'],
    ['tags', { prompt: 'a', tags: { a: 1 } }, 'TAGS_INVALID'],
    ['tags list', { prompt: 'a', tags: ['a'] }, 'TAGS_INVALID'],
  ];
  it('names the output that there is none of, and those that there are', () => {
    const { code, field, message } = refusal({ prompt: 'a', outputs: ['glb', 'fbx'] });
    expect([code, field]).toEqual(['OUTPUTS_INVALID', 'outputs.1']);
    expect(message).toMatch(/^'outputs' cannot hold 'fbx'; it may hold: glb, .*glb-ktx2-meshopt, ply, splat, spz, obj/);
    expect(refusal({ prompt: 'a', outputs: ['x'.repeat(500)] }).message).toMatch(/'x{60}…'/);
    expect(refusal({ prompt: 'a', outputs: [1] }).message).toMatch(/^'outputs' cannot hold '1'; /);
  });

  it.each(broken)('refuses %s', (_name, body, code) => {
    const error = refusal(body);
    expect(error.code).toBe(code);
    expect(error.message.length).toBeGreaterThan(10);
  });
});

describe('what is told beside the message', () => {
  const sampler = (fault: object) => ({ prompt: 'a', sampler: { latent: fault } });
  const cases: [unknown, string, string, RegExp][] = [
    [7, 'job', '7', /write \{"prompt"/],
    [['chest'], 'job', '["chest"]', /write \{"prompt"/],
    [{ input: 'chest' }, 'input', '"chest"', /write \{"input"/],
    [{ prompt: 7 }, 'prompt', '7', /1 to 1000 characters/],
    [{ prompt: ' \t' }, 'prompt', '" \\t"', /1 to 1000 characters/],
    [{ prompt: '🪵'.repeat(1001) }, 'prompt', '1001 characters', /1 to 1000 characters/],
    [{ prompt: 'a', seed: '42' }, 'seed', '"42"', /0 to 4294967295/],
    [{ prompt: 'a', seed: -1 }, 'seed', '-1', /0 to 4294967295/],
    [{ prompt: 'a', simplify: 1.5 }, 'simplify', '1.5', /0\.0 to 1\.0/],
    [{ prompt: 'a', simplify: null }, 'simplify', 'null', /0\.0 to 1\.0/],
    [{ prompt: 'a', simplify: Number.NaN }, 'simplify', 'NaN', /0\.0 to 1\.0/],
    [{ prompt: 'a', texture_size: 64 }, 'texture_size', '64', /128 to 4096/],
    [{ prompt: 'a', texture_size: 1024.5 }, 'texture_size', '1024.5', /128 to 4096/],
    [{ prompt: 'a', id: '../x' }, 'id', '"../x"', /chest-7/],
    [{ prompt: 'a', webhook: 'ftp://example.com' }, 'webhook', '"ftp://example.com"', /https:/],
    [{ prompt: 'a', webhook: 7 }, 'webhook', '7', /https:/],
    [{ prompt: 'a', webhook_format: 'xml' }, 'webhook_format', '"xml"', /standard, runpod/],
    [{ prompt: 'a', outputs: 'glb' }, 'outputs', '"glb"', /glb-webp, /],
    [{ prompt: 'a', outputs: [] }, 'outputs', '[]', /glb-webp, /],
    [{ prompt: 'a', outputs: ['glb', 'fbx'] }, 'outputs.1', '"fbx"', /it may hold: glb, .*leave it out/],
    [{ prompt: 'a', sampler: 25 }, 'sampler', '25', /"steps": 25/],
    [{ prompt: 'a', sampler: { latent: 25 } }, 'sampler.latent', '25', /"steps": 25/],
    [sampler({ steps: 0 }), 'sampler.latent.steps', '0', /1 to 1000/],
    [sampler({ steps: 2.5 }), 'sampler.latent.steps', '2.5', /1 to 1000/],
    [sampler({ cfg_strength: 101 }), 'sampler.latent.cfg_strength', '101', /0 to 100/],
    [sampler({ cfg_interval: [0.9, 0.5] }), 'sampler.latent.cfg_interval', '[0.9,0.5]', /\[0\.5, 0\.95\]/],
    [sampler({ cfg_interval: [0, 7] }), 'sampler.latent.cfg_interval.1', '7', /\[0\.5, 0\.95\]/],
    [sampler({ cfg_interval: 0.5 }), 'sampler.latent.cfg_interval', '0.5', /\[0\.5, 0\.95\]/],
    [sampler({ rescale_t: 0 }), 'sampler.latent.rescale_t', '0', /0\.01 to 100/],
    [{ prompt: 'a', target_faces: 3 }, 'target_faces', '3', /4 to 10000000/],
    [{ prompt: 'a', bake_from: 'light' }, 'bake_from', '"light"', /gaussians, vertices/],
    [{ prompt: 'a', deadline_seconds: '60' }, 'deadline_seconds', '"60"', /1 to 604800/],
    [{ prompt: 'a', tags: ['a'] }, 'tags', '["a"]', /\{"order": "7"\}/],
    [{ prompt: 'a', tags: { order: 7 } }, 'tags.order', '7', /\{"order": "7"\}/],
    [{ prompt: 'a', tags: { ['n'.repeat(129)]: 'x' } }, 'tags', '1 entry', /\{"order": "7"\}/],
    [{ prompt: 'a', sede: 1 }, 'sede', "'sede'", /known are: prompt, seed/],
  ];
  it.each(cases)('%j: the field, the value, what to write', (body, field, value, remedy) => {
    const error = refusal(body);
    const told = `${error.message} ${error.remedy ?? ''}`;
    expect(error.field ?? 'job').toBe(field);
    expect(told).toContain(field.split('.')[0] ?? field);
    expect(told).toContain(value);
    expect(told).toMatch(remedy);
    expect(error.message).not.toContain('expected');
    expect(told.length, 'readable').toBeLessThan(700);
  });

  it('covers every field that a job may hold', () => {
    const tried = new Set(cases.map(([, field]) => field.split('.')[0]));
    const fields = [...Object.keys(JobSchema.shape), ...Object.keys(BareJobSchema.shape)];
    expect(fields.filter((field) => !tried.has(field))).toEqual([]);
  });

  it('shows no credentials of an address', () => {
    const { remedy } = refusal({ prompt: 'a', webhook: 'ftp://ada:s3cret@example.com/hook?token=t0ken' });
    expect(remedy).toContain('example.com/hook');
    expect(remedy).not.toMatch(/s3cret|t0ken/);
  });
});

it('accepts or rejects anything, and never anything else (fuzz)', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, undefined, 2 ** 32, 'chest'),
  );
  const keys = ['prompt', 'seed', 'simplify', 'texture_size', 'input', 'id', 'webhook', 'outputs', 'sampler', 'tags'];
  const body = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.oneof(fc.constantFrom(...keys, 'deadline_seconds', '__proto__'), fc.string()), value),
    fc.record({ input: fc.dictionary(fc.constantFrom(...keys), value) }),
  );
  fc.assert(
    fc.property(body, (sent) => {
      try {
        const job = parse(sent);
        expect(job.input.prompt.length).toBeGreaterThan(0);
        expect(Number.isInteger(job.input.seed)).toBe(true);
        // What was accepted is accepted again as it is.
        expect(parse(JSON.parse(JSON.stringify(job)))).toEqual(job);
      } catch (error) {
        if (!(error instanceof RejectedError)) throw error;
        expect(error.code).toMatch(/^[A-Z_]+$/);
      }
    }),
    { numRuns: 2000 },
  );
});
