/** The prompt as states of the text encoder. */
import { type TokenReportRecord, TokenReportSchema } from '@espalier/contracts';
import { z } from 'zod';
import type { Notice, Stage } from './stage.ts';

export interface ConditionState {
  readonly tokens: TokenReportRecord;
}

export const conditionStage: Stage<ConditionState> = {
  name: 'condition',
  version: 2,
  inputs: [],
  tensors: {
    cond: { dtype: 'F32', shape: [1, null, null] },
    negative: { dtype: 'F32', shape: [1, null, null] },
  },
  state: z.object({ tokens: TokenReportSchema }),
  parameters: ({ job }) => ({ prompt: job.input.prompt }),
  async run({ job, networks, signal }) {
    const { cond, negative, report } = await networks.encodeText(job.input.prompt, signal);
    return { tensors: { cond, negative }, state: { tokens: report } };
  },
  notices: ({ state }) => tokenNotices(state.tokens),
};

/** What to do about words that a bundled model does not know. */
const OPEN_VOCABULARY =
  'a model of open vocabulary knows them: espalier models pull trellis-text-xlarge, then --model trellis-text-xlarge';

/** The report as the stats tell it: with a remedy where words are unknown. */
export function withRemedy(tokens: TokenReportRecord): TokenReportRecord {
  return tokens.unknown_words.length === 0 ? tokens : { ...tokens, remedy: OPEN_VOCABULARY };
}

export function tokenNotices(tokens: TokenReportRecord): Notice[] {
  const notices: Notice[] = [];
  if (tokens.truncated) {
    const cut = `the prompt has ${tokens.tokens} tokens, ${tokens.used} are used`;
    notices.push({ code: 'PROMPT_TRUNCATED', message: `${cut}; cut off: '${tokens.truncated_text}'` });
  }
  if (tokens.unknown_words.length > 0) {
    const words = tokens.unknown_words.map((word) => `'${word}'`).join(', ');
    notices.push({
      code: 'WORDS_UNKNOWN',
      message: `the model does not know and leaves out: ${words}; ${OPEN_VOCABULARY}`,
    });
  }
  return notices;
}
