import { int32 } from '@espalier/tensors';
import { z } from 'zod';
import { ClipTextEncoder } from '../../networks/clip-text-encoder.ts';
import { ClipTokenizer } from '../../text/index.ts';
import type { CaseKind } from '../parity-case.ts';

/** The model's tokenizer and text encoder on the prompts of the case's metadata, one row of 77 each. */
export const textEncoder: CaseKind = {
  prefix: 'text_encoder',
  inputs: [],
  async *compute({ file, model, settings }) {
    const prompts = z.array(z.string()).min(1).safeParse(file.parameter('prompts'));
    if (!prompts.success) throw file.invalid('prompts', z.prettifyError(prompts.error), prompts.error);
    const files = await (await model()).textEncoder();
    const tokenizer = await ClipTokenizer.open(files.tokenizerPath, files.vocabularyPath);
    const rows = prompts.data.map((prompt) => tokenizer.encode(prompt).ids);
    const ids = Int32Array.from(rows.flatMap((row) => [...row]));
    yield { key: 'input_ids', kind: 'exact', ...int32([rows.length, ids.length / rows.length], ids) };
    const encoder = await ClipTextEncoder.open(files, settings);
    try {
      const states: number[] = [];
      for (const row of rows) states.push(...(await encoder.encode(row)).data);
      yield { key: 'last_hidden_state', kind: 'module', data: Float32Array.from(states) };
    } finally {
      await encoder.release();
    }
  },
};
