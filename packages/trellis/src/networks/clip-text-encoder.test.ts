import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeSafetensors, float32, writeSafetensors } from '@espalier/tensors';
import { afterEach, describe, expect, it } from 'vitest';
import { CLIP_GOLDENS } from '../../test/support/clip-goldens.ts';
import { caseFromFile, maxAbsDifference } from '../../test/support/golden-case.ts';
import { ClipTextEncoder } from './clip-text-encoder.ts';

const expected = await caseFromFile(join(CLIP_GOLDENS, 'expected.safetensors'));
const filesOf = (folder: string) => ({
  configPath: join(folder, 'config.json'),
  weightsPath: join(folder, 'model.safetensors'),
});

describe('ClipTextEncoder gives the hidden states of transformers', () => {
  for (const name of ['text-only', 'two-towers']) {
    it(name, async () => {
      const encoder = await ClipTextEncoder.open(filesOf(join(CLIP_GOLDENS, name)), { device: 'cpu' });
      const hidden = expected.float32(name);
      const [prompts = 0, length = 0, channels = 0] = hidden.shape;
      expect(encoder.channels).toBe(channels);
      for (let i = 0; i < prompts; i++) {
        const ids = expected.int32('ids').data.slice(i * length, (i + 1) * length);
        const actual = await encoder.encode(ids);
        expect(actual.shape).toEqual([1, length, channels]);
        const wanted = hidden.data.subarray(i * length * channels, (i + 1) * length * channels);
        expect(maxAbsDifference(actual.data, wanted)).toBeLessThan(1e-5);
      }
      await encoder.release();
    });
  }
});

describe('ClipTextEncoder', () => {
  let folder: string;
  afterEach(() => rm(folder, { recursive: true, force: true }));
  async function copyOf(name: string): Promise<string> {
    folder = await mkdtemp(join(tmpdir(), 'clip-'));
    await cp(join(CLIP_GOLDENS, name), folder, { recursive: true });
    return folder;
  }
  async function rewrite(change: (tensors: ReturnType<typeof decodeSafetensors>['tensors']) => void): Promise<void> {
    const path = join(folder, 'model.safetensors');
    const { tensors } = decodeSafetensors(new Uint8Array(await readFile(path)), path);
    change(tensors);
    await writeSafetensors(path, tensors);
  }
  const open = () => ClipTextEncoder.open(filesOf(folder), { device: 'cpu' });

  it('refuses a text weight that the config does not know, names one that is missing', async () => {
    await copyOf('two-towers');
    await rewrite((tensors) =>
      tensors.set('text_model.encoder.layers.2.layer_norm1.bias', float32([1], new Float32Array(1))),
    );
    await expect(open()).rejects.toMatchObject({ field: 'text_model.encoder.layers.2.layer_norm1.bias' });
    await rewrite((tensors) => {
      tensors.delete('text_model.encoder.layers.2.layer_norm1.bias');
      tensors.delete('text_model.encoder.layers.1.mlp.fc1.bias');
    });
    await expect(open()).rejects.toMatchObject({ field: 'text_model.encoder.layers.1.mlp.fc1.bias' });
  });

  it('accepts the position_ids buffer of older checkpoints', async () => {
    await copyOf('two-towers');
    await rewrite((tensors) => {
      tensors.set('text_model.embeddings.position_ids', { dtype: 'I64', shape: [1, 77], data: new BigInt64Array(77) });
    });
    await (await open()).release();
  });

  it('names the field of a config that does not fit', async () => {
    await copyOf('text-only');
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    for (const [field, value] of [
      ['num_attention_heads', 5],
      ['max_position_embeddings', 64],
      ['hidden_act', 'relu'],
    ] as const) {
      await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, [field]: value }));
      await expect(open()).rejects.toMatchObject({
        code: 'MODEL_FILE_INVALID',
        message: expect.stringContaining(field),
      });
    }
  });

  it('refuses tokens of another tokenizer', async () => {
    await copyOf('text-only');
    const encoder = await open();
    await expect(encoder.encode(new Int32Array(77).fill(5000))).rejects.toMatchObject({ code: 'TOKEN_OUT_OF_RANGE' });
    await encoder.release();
  });
});
