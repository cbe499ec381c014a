import { TerminalError } from '@espalier/contracts';
import {
  type Checkpoint,
  type Graph,
  GraphBuilder,
  type Session,
  type SessionSettings,
  type Value,
} from '@espalier/onnx';
import { float32, int32, type Tensor } from '@espalier/tensors';
import { z } from 'zod';
import { readJsonFile } from '../repository/json-file.ts';
import { CONTEXT_LENGTH } from '../text/clip-tokenizer.ts';
import { openNetwork } from './network.ts';

const size = z.int().min(1);

/** Defaults are those of transformers' `CLIPTextConfig`: older files store only what differs from them. */
const TextConfigSchema = z.object({
  vocab_size: size.default(49408),
  hidden_size: size.default(512),
  intermediate_size: size.default(2048),
  num_hidden_layers: size.default(12),
  num_attention_heads: size.default(8),
  max_position_embeddings: z
    .int()
    .min(CONTEXT_LENGTH, { error: `must be at least ${CONTEXT_LENGTH}, the length prompts are padded to` })
    .default(CONTEXT_LENGTH),
  hidden_act: z.enum(['quick_gelu', 'gelu', 'gelu_new', 'gelu_pytorch_tanh']).default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
});
export type ClipTextConfig = z.output<typeof TextConfigSchema>;

/** A text model's own `config.json`, or that of a whole CLIP, which holds it as `text_config`. */
const ConfigSchema = z.preprocess(
  (json) => (typeof json === 'object' && json !== null && 'text_config' in json ? json.text_config : json),
  TextConfigSchema,
);

/** What a checkpoint of a whole CLIP holds besides the text tower. */
const OTHER_TOWERS = /^(vision_model\.|visual_projection\.|text_projection\.|logit_scale$)/;

/**
 * CLIP's text transformer (Radford et al. 2021, arXiv:2103.00020) as transformers' `CLIPTextModel` runs it: token and
 * position embeddings, pre-norm blocks with causal attention, a final layer norm. Computed in float32.
 */
export class ClipTextEncoder {
  readonly channels: number;
  readonly vocabularySize: number;
  readonly #session: Session;

  private constructor(config: ClipTextConfig, session: Session) {
    this.channels = config.hidden_size;
    this.vocabularySize = config.vocab_size;
    this.#session = session;
  }

  /**
   * @param files `config.json` and `model.safetensors` of a text model or of a whole CLIP, whose other tower is
   *   not loaded.
   * @throws TerminalError `MODEL_FILE_INVALID`, `CHECKPOINT_MISMATCH`, and as `openSession`.
   */
  static async open(
    files: { readonly configPath: string; readonly weightsPath: string },
    settings: SessionSettings,
  ): Promise<ClipTextEncoder> {
    const config = await readJsonFile(files.configPath, ConfigSchema);
    if (config.hidden_size % config.num_attention_heads !== 0) {
      const message = `${files.configPath}: hidden_size ${config.hidden_size} cannot be shared out to num_attention_heads ${config.num_attention_heads}`;
      throw new TerminalError(message, { code: 'MODEL_FILE_INVALID', field: 'num_attention_heads' });
    }
    const build = (checkpoint: Checkpoint) => buildClipTextEncoder(config, checkpoint);
    return new ClipTextEncoder(config, await openNetwork(files.weightsPath, build, settings));
  }

  /**
   * @param ids [77] as the tokenizer gives them.
   * @returns F32 [1, 77, channels], the last hidden state behind the final norm.
   * @throws TerminalError `TOKEN_OUT_OF_RANGE` when the tokenizer is not this encoder's.
   */
  async encode(ids: Int32Array): Promise<Tensor<Float32Array>> {
    const outside = ids.find((id) => id < 0 || id >= this.vocabularySize);
    if (outside !== undefined) {
      throw new TerminalError(`token ${outside} is outside of the text encoder's ${this.vocabularySize} tokens`, {
        code: 'TOKEN_OUT_OF_RANGE',
        remedy: 'take tokenizer.json and model.safetensors from the same repository',
      });
    }
    const { last_hidden_state } = await this.#session.run({ ids: int32([1, CONTEXT_LENGTH], ids) });
    return float32([1, CONTEXT_LENGTH, this.channels], last_hidden_state?.data as Float32Array);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/**
 * Input `ids` int32 [1, 77]; output `last_hidden_state` float32 [1, 77, channels].
 * @throws TerminalError `CHECKPOINT_MISMATCH` naming the weight.
 */
function buildClipTextEncoder(config: ClipTextConfig, checkpoint: Checkpoint): Graph {
  const g = new GraphBuilder({ name: 'CLIPTextModel', checkpoint });
  for (const key of checkpoint.keys()) if (OTHER_TOWERS.test(key)) checkpoint.ignore(key);
  const ids = g.input('ids', 'int32', [1, CONTEXT_LENGTH]);
  g.output('last_hidden_state', textTransformer(g, checkpoint, ids, config));
  return g.build();
}

function textTransformer(g: GraphBuilder, checkpoint: Checkpoint, ids: Value, config: ClipTextConfig): Value {
  const { hidden_size: channels, layer_norm_eps: eps, num_attention_heads: heads } = config;
  // Newer transformers write a text model's keys without the prefix that a whole CLIP and older ones have.
  const prefix = g.hasWeight('text_model.embeddings.token_embedding.weight') ? 'text_model.' : '';
  const embeddings = `${prefix}embeddings`;
  checkpoint.ignore(`${embeddings}.position_ids`);
  const tokens = g.gather(embeddingTable(g, checkpoint, `${embeddings}.token_embedding.weight`, config), ids);
  const positions = g.weight(`${embeddings}.position_embedding.weight`, [config.max_position_embeddings, channels]);
  const causal = g.constant(causalBias(CONTEXT_LENGTH), [1, 1, CONTEXT_LENGTH, CONTEXT_LENGTH]);
  let h = g.add(g.cast(tokens, 'float32'), firstRows(g, positions, CONTEXT_LENGTH));
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const key = `${prefix}encoder.layers.${layer}`;
    const x = g.layerNorm(h, { key: `${key}.layer_norm1`, eps });
    const [q, k, v] = ['q', 'k', 'v'].map((name) => g.linear(x, `${key}.self_attn.${name}_proj`, channels)) as [
      Value,
      Value,
      Value,
    ];
    const attended = g.attention(q, k, v, { heads, bias: causal });
    h = g.add(h, g.linear(attended, `${key}.self_attn.out_proj`, channels));
    const y = g.linear(g.layerNorm(h, { key: `${key}.layer_norm2`, eps }), `${key}.mlp.fc1`, config.intermediate_size);
    h = g.add(h, g.linear(activation(g, y, config.hidden_act), `${key}.mlp.fc2`, channels));
  }
  return g.layerNorm(h, { key: `${prefix}final_layer_norm`, eps });
}

/** The table in the type it is stored in, where rows can be gathered in it: widening 77 rows beats widening 49,408. */
function embeddingTable(g: GraphBuilder, checkpoint: Checkpoint, key: string, config: ClipTextConfig): Value {
  const type = checkpoint.peek(key)?.dtype === 'F16' ? 'float16' : 'float32';
  return g.weight(key, [config.vocab_size, config.hidden_size], { type });
}

function firstRows(g: GraphBuilder, table: Value, rows: number): Value {
  return table.shape[0] === rows ? table : g.slice(table, 0, rows, 0);
}

function activation(g: GraphBuilder, x: Value, name: ClipTextConfig['hidden_act']): Value {
  return name === 'quick_gelu' ? g.quickGelu(x) : g.gelu(x, name === 'gelu' ? 'none' : 'tanh');
}

/** 0 where a token may look, the lowest float32 where it would look ahead. */
function causalBias(length: number): Float32Array {
  const lowest = -3.4028234663852886e38;
  return Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? lowest : 0));
}
