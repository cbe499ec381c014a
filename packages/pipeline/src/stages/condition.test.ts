import { fileURLToPath } from 'node:url';
import { TrellisModel } from '@espalier/trellis';
import { describe, expect, it } from 'vitest';
import { ModelMethods } from '../inference/model-methods.ts';
import { tokenNotices, withRemedy } from './condition.ts';

const starter = fileURLToPath(new URL('../../../../models/starter', import.meta.url));

describe('words that the bundled model does not know', () => {
  it('are named, with the model that knows them', async () => {
    const methods = new ModelMethods();
    await methods.open({ folder: starter, device: 'cpu', threads: 1 });
    const { value } = await methods.encodeText({ prompt: 'a red flurbic chair with zorgle legs' });
    expect(value.report.unknown_words).toEqual(['flurbic', 'zorgle']);
    const [notice] = tokenNotices(value.report);
    expect(notice?.code).toBe('WORDS_UNKNOWN');
    expect(notice?.message).toMatch(/'flurbic', 'zorgle'.*espalier models pull trellis-text-xlarge/);
    expect(withRemedy(value.report).remedy).toMatch(/espalier models pull trellis-text-xlarge/);
  });

  it('are left out: the rest of the prompt is made', async () => {
    const model = await TrellisModel.open(starter, { device: 'cpu', threads: 1 });
    const { cond } = await model.encodeText('a majestic wooden table');
    expect(cond).toEqual((await model.encodeText('a wooden table')).cond);
    await model.release();
  });

  it('are not spoken of where all are known', async () => {
    const model = await TrellisModel.open(starter, { device: 'cpu', threads: 1 });
    const { report } = await model.encodeText('a tall red chair with black legs');
    expect(report.unknownWords).toEqual([]);
    await model.release();
    const record = { tokens: 9, used: 9, truncated: false, truncated_text: '', unknown_words: [] };
    expect(tokenNotices(record)).toEqual([]);
    expect(withRemedy(record)).toBe(record);
  });
});
