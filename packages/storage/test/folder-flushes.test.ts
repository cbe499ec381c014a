import { describe, expect, it } from 'vitest';
import { FolderFlushes } from '../src/folder/folder-flushes.ts';

/** A disk whose flushes end when they are told to. */
function disk() {
  const begun: { readonly folder: string; end(fault?: Error): void }[] = [];
  const flushes = new FolderFlushes(
    (folder) =>
      new Promise((resolve, reject) => {
        begun.push({ folder, end: (fault) => (fault === undefined ? resolve() : reject(fault)) });
      }),
  );
  return { begun, flushes };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('flushes of a folder', () => {
  it('are shared by all who come while one is under way, and never joined in the middle', async () => {
    const { begun, flushes } = disk();
    const done: string[] = [];
    const want = (name: string, folder = 'jobs') => flushes.flush(folder).then(() => done.push(name));
    const first = want('first');
    const others = ['a', 'b', 'c'].map((name) => want(name));
    await settled();
    expect(begun).toHaveLength(1);
    begun[0]?.end();
    await first;
    await settled();
    expect(done, 'what came later is not durable yet').toEqual(['first']);
    expect(begun).toHaveLength(2);
    const late = want('late');
    begun[1]?.end();
    await Promise.all(others);
    await settled();
    expect(done).toEqual(['first', 'a', 'b', 'c']);
    expect(begun).toHaveLength(3);
    begun[2]?.end();
    await late;
    const fresh = want('fresh');
    await settled();
    begun[3]?.end();
    await fresh;
    expect(begun.map(({ folder }) => folder)).toEqual(['jobs', 'jobs', 'jobs', 'jobs']);
  });

  it('of other folders do not wait, and a fault is heard by those who waited for it alone', async () => {
    const { begun, flushes } = disk();
    const [jobs, status] = [flushes.flush('jobs'), flushes.flush('status')];
    const next = flushes.flush('jobs');
    expect(begun.map(({ folder }) => folder)).toEqual(['jobs', 'status']);
    begun[1]?.end();
    await status;
    begun[0]?.end(new Error('disk full'));
    await expect(jobs).rejects.toThrow('disk full');
    await settled();
    begun[2]?.end();
    await expect(next).resolves.toBeUndefined();
  });
});
