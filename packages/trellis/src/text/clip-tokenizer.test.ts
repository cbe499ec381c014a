import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLIP_GOLDENS, clipCases } from '../../test/support/clip-goldens.ts';
import { caseFromFile } from '../../test/support/golden-case.ts';
import { ClipTokenizer } from './index.ts';

const TOKENIZER = join(CLIP_GOLDENS, 'text-only', 'tokenizer.json');
const cases = await clipCases();
const vocabulary: Record<string, number> = JSON.parse(await readFile(TOKENIZER, 'utf8')).model.vocab;
const start = vocabulary['<|startoftext|>'] as number;
const end = vocabulary['<|endoftext|>'] as number;
const expected = await caseFromFile(join(CLIP_GOLDENS, 'expected.safetensors'));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  await cp(join(CLIP_GOLDENS, 'text-only'), folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('ClipTokenizer gives the tokens of transformers for', () => {
  for (const [i, { prompt, tokens }] of cases.entries()) {
    it(JSON.stringify(prompt.slice(0, 60)), async () => {
      const tokenizer = await ClipTokenizer.open(TOKENIZER);
      const { ids, report } = tokenizer.encode(prompt);
      expect([...ids]).toEqual([...expected.int32('ids').data.subarray(i * 77, i * 77 + 77)]);
      expect(report).toMatchObject({ tokens, used: Math.min(tokens, 77), truncated: tokens > 77, unknownWords: [] });
      expect(report.truncatedText === '').toBe(tokens <= 77);
    });
  }
});

describe('ClipTokenizer', () => {
  it('tells what was cut off, from the first word that did not fit', async () => {
    const tokenizer = await ClipTokenizer.open(TOKENIZER);
    const report = (prompt: string) => tokenizer.encode(prompt).report;
    expect(report(`${'chair '.repeat(75)}and Last Words! `).truncatedText).toBe('and Last Words!');
    expect(report(`${'7'.repeat(75)}89`).truncatedText).toBe('89');
    // The word that runs over the edge counts as unseen, although its first tokens are seen.
    expect(report(`${'7'.repeat(73)} xqzxqz end`).truncatedText).toBe('xqzxqz end');
    // Positions hold where composing and lower-casing change the length of the text.
    expect(report(`${'E\u0301 İ '.repeat(40)}Tail`).truncatedText.endsWith('Tail')).toBe(true);
  });

  it('does not let a prompt end itself', async () => {
    const { ids, report } = (await ClipTokenizer.open(TOKENIZER)).encode('a <|endoftext|> b');
    expect([...ids].indexOf(end)).toBe(report.tokens - 1);
    expect([...ids].lastIndexOf(start)).toBe(0);
  });

  it('names the words outside of a closed vocabulary, once each', async () => {
    const path = join(folder, 'vocabulary.txt');
    await writeFile(path, ',\n3d\na\nRed\nchair\nwith\nlegs\n');
    const tokenizer = await ClipTokenizer.open(join(folder, 'tokenizer.json'), path);
    expect(tokenizer.encode("A 3D red ottoman with 4 Brass legs, ottoman's chair").report.unknownWords).toEqual([
      'ottoman',
      'brass',
    ]);
  });

  it('leaves out the words outside of a closed vocabulary, and nothing else', async () => {
    const path = join(folder, 'vocabulary.txt');
    await writeFile(path, 'a\nRed\nchair\nwith\nlegs\n');
    const closed = await ClipTokenizer.open(join(folder, 'tokenizer.json'), path);
    const known = closed.known("A majestic Red ottoman-chair, with 4 Brass legs. Ottoman's");
    expect(known.replace(/\s+/g, ' ')).toBe("A Red -chair, with 4 legs. 's");
    expect(closed.known('E\u0301tonnant red chair')).toBe(' red chair');
    const open = await ClipTokenizer.open(TOKENIZER);
    expect(open.known('A majestic flurbic E\u0301toile')).toBe('A majestic flurbic E\u0301toile');
  });

  it('pads with the token that the folder names', async () => {
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ pad_token: { content: '!' } }));
    const { ids } = (await ClipTokenizer.open(join(folder, 'tokenizer.json'))).encode('chair');
    expect([...ids.subarray(0, 4)]).toEqual([start, vocabulary['chair</w>'], end, vocabulary['!']]);
    await rm(join(folder, 'tokenizer_config.json'));
    expect((await ClipTokenizer.open(join(folder, 'tokenizer.json'))).encode('').ids[2]).toBe(end);
  });

  it('names a file it cannot use', async () => {
    const path = join(folder, 'tokenizer.json');
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '</s>' }));
    await expect(ClipTokenizer.open(path)).rejects.toMatchObject({ message: `${path} has no token '</s>'` });
    await writeFile(path, JSON.stringify({ model: { type: 'Telepathy' } }));
    await expect(ClipTokenizer.open(path)).rejects.toMatchObject({ code: 'MODEL_FILE_INVALID' });
    await rm(path);
    await expect(ClipTokenizer.open(path)).rejects.toMatchObject({ code: 'MODEL_FILE_MISSING' });
  });
});
