import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nameToSegment, segmentToName } from '../src/folder/names.ts';

const segment = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc
    .array(fc.constantFrom('%', '25', '00', '2E', '3A', '.', '..', ':', '\0', '.espalier', 'a'), { maxLength: 6 })
    .map((parts) => parts.join('')),
);

it('maps every segment to a name and back, and no two to one (property)', () => {
  for (const rules of ['posix', 'windows'] as const) {
    fc.assert(
      fc.property(segment, (text) => {
        const plain = text.replaceAll('/', '');
        const name = segmentToName(plain, rules);
        expect(nameToSegment(name, rules)).toBe(plain);
        expect(['', '.', '..'].includes(name) || name.startsWith('.espalier') || name.includes('\0')).toBe(false);
        if (rules === 'windows') expect(name).not.toMatch(/[\\:*?"<>|]/);
      }),
      { numRuns: 3000 },
    );
  }
});

it('finds every name that a person can drop into the folder (property)', () => {
  fc.assert(
    fc.property(segment, (text) => {
      const name = text.replace(/[/\0]/g, '');
      // Names that an escape would give are the escape's; every other name is its own key.
      if (name === '' || /%(25)*00/.test(name) || /^%+(|\.|\.\.|\.espalier.*)$/s.test(name) || name.startsWith('.'))
        return;
      expect(segmentToName(name, 'posix')).toBe(name);
      expect(nameToSegment(name, 'posix')).toBe(name);
    }),
    { numRuns: 3000 },
  );
});
