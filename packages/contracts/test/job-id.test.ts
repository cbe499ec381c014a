import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isJobId, jobIdFromContent, jobIdFromName } from '../src/index.ts';

it('keeps a good file name and makes a stable, safe id of any other', () => {
  expect(jobIdFromName('chest.json')).toBe('chest');
  expect(jobIdFromName('chest-2.v1_a.JSON')).toBe('chest-2.v1_a');
  expect(jobIdFromName('..json')).toMatch(/^job-[0-9a-f]{12}$/);
  expect(jobIdFromName('my chest (1).json')).toMatch(/^my-chest-1-[0-9a-f]{12}$/);
  expect(jobIdFromName('a b.json')).not.toBe(jobIdFromName('a_b?.json'));
  expect(jobIdFromName('a/chest.json'), 'a folder below jobs/ is part of the name').toMatch(/^chest-[0-9a-f]{12}$/);
  expect(jobIdFromName('a/chest.json')).not.toBe(jobIdFromName('b/chest.json'));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
      const id = jobIdFromName(name);
      expect(isJobId(id), id).toBe(true);
      expect(jobIdFromName(name)).toBe(id);
    }),
    { numRuns: 1000 },
  );
});

it('names a job after its prompt, the same job the same, another job differently', () => {
  expect(jobIdFromContent('A wooden treasure chest', { seed: 42 })).toMatch(/^a-wooden-treasure-chest-[0-9a-f]{10}$/);
  expect(jobIdFromContent('a', { seed: 1 })).toBe(jobIdFromContent('a', { seed: 1 }));
  expect(jobIdFromContent('a', { seed: 1 })).not.toBe(jobIdFromContent('a', { seed: 2 }));
  expect(jobIdFromContent('宝箱', {})).toMatch(/^job-[0-9a-f]{10}$/);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 1000 }), (prompt) => {
      expect(isJobId(jobIdFromContent(prompt, {}))).toBe(true);
    }),
  );
});
