/** What is written about the program, held against the program. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseJob } from '@espalier/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isPermissive, productionPackages, refused } from '../../../.ci/licences.ts';
import { anchorsOf, linksOf } from '../../../.ci/links.ts';
import { referenceFiles, staleFiles } from '../../../.ci/reference.ts';

describe('reference', () => {
  it('is what the schemas say (else: npm run docs:reference)', () => {
    expect(staleFiles()).toEqual([]);
  });

  const schema = () => z.fromJSONSchema(JSON.parse(referenceFiles().get('docs/schemas/job.json') ?? ''));

  it.each([
    [{ prompt: 'a chair' }],
    [{ prompt: 'a chair', seed: null, simplify: 0.5, texture_size: 4096, id: 'chair-1', tags: { team: 'props' } }],
    [{ input: { prompt: 'a chair', seed: 4294967295 }, webhook: 'https://example.com/hook' }],
    [{ prompt: 'a chair', sampler: { structure: { steps: 12, cfg_interval: [0.5, 1] } }, deadline_seconds: 60 }],
    [{ prompt: '' }],
    [{ prompt: 'a chair', seed: -1 }],
    [{ prompt: 'a chair', seed: 1.5 }],
    [{ prompt: 'a chair', simplify: 2 }],
    [{ prompt: 'a chair', texture_size: 64 }],
    [{ prompt: 'a chair', sede: 1 }],
    [{ prompt: 'a chair', id: '../x' }],
    [{ input: { seed: 1 } }],
    [[]],
  ])('JSON Schema and program agree on %j', (job) => {
    let taken = true;
    try {
      parseJob(job, { id: 'x', random: () => 0 });
    } catch {
      taken = false;
    }
    expect(schema().safeParse(job).success).toBe(taken);
  });
});

describe('links', () => {
  it('finds links, but none in code', () => {
    const text = '[a](b.md#c) ![p](x.png "title")\n`[no](no.md)`\n```\n[no](no.md)\n```\n[r]: ref.md\n';
    expect(linksOf(text)).toEqual(['b.md#c', 'x.png', 'ref.md']);
  });

  it('makes anchors as GitHub does', () => {
    expect([...anchorsOf("# A `code` heading: it's\n## Same\n## Same\n```\n# none\n```\n")]).toEqual([
      'a-code-heading-its',
      'same',
      'same-1',
    ]);
  });
});

describe('licences', () => {
  it('understands SPDX expressions', () => {
    const fine = ['MIT', '(MIT OR GPL-3.0)', 'Apache-2.0 AND BSD-3-Clause', '0BSD'];
    const bad = ['GPL-3.0', 'MIT AND LGPL-3.0-or-later', 'SEE LICENSE IN LICENSE', '', 'UNLICENSED'];
    expect(fine.map(isPermissive)).toEqual([true, true, true, true]);
    expect(bad.map(isPermissive)).toEqual([false, false, false, false, false]);
  });

  it('looks at what production installs, by what the packages themselves say', () => {
    const lock = {
      packages: {
        '': {},
        'packages/own': { version: '1.0.0' },
        'node_modules/own': { link: true },
        'node_modules/tool': { version: '1.0.0', dev: true, license: 'GPL-3.0' },
        'node_modules/good': { version: '1.0.0', license: 'GPL-3.0' },
        'node_modules/good/node_modules/bad': { version: '2.0.0', license: 'AGPL-3.0' },
        'node_modules/none': { version: '3.0.0' },
      },
    };
    const found = productionPackages(lock, (folder) =>
      folder === 'node_modules/good' ? '{"license":"MIT"}' : undefined,
    );
    expect(found.map(({ name, licence }) => `${name} ${licence}`)).toEqual(['good MIT', 'bad AGPL-3.0', 'none ']);
    expect(refused(found).map(({ name }) => name)).toEqual(['bad', 'none']);
  });

  it('every production package of this lock file is permissive, or let in with a reason', () => {
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const packages = productionPackages(JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')), () => undefined);
    expect(packages.length).toBeGreaterThan(100);
    expect(refused(packages)).toEqual([]);
  });
});

it('every dependency is pinned to an exact version', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
    packages: Record<string, { dependencies?: Record<string, string>; devDependencies?: Record<string, string> }>;
  };
  const own = Object.entries(packages).filter(([folder]) => !folder.includes('node_modules'));
  expect(own.length).toBeGreaterThan(10);
  const loose = own.flatMap(([folder, { dependencies, devDependencies }]) =>
    Object.entries({ ...dependencies, ...devDependencies })
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version))
      .map(([name, version]) => `${folder}: ${name} ${version}`),
  );
  expect(loose).toEqual([]);
});
