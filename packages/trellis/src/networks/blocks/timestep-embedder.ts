/** Time features of the flow models. Source: TRELLIS `sparse_structure_flow.py`, `TimestepEmbedder`. */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { float32, type Tensor } from '@espalier/tensors';
import { singleExp } from './single-exp.ts';

/** Features that the time step is turned into before the embedder's layers. */
export const TIME_FEATURES = 256;
const MAX_PERIOD = 10000;

/**
 * Sinusoidal features [1, 256] of a time step: 128 cosines, then 128 sines of `t * exp(-ln(10000) * i / 128)`.
 *
 * Frequencies and products are rounded to float32 as in the original: at arguments up to 1000 rad, float64 would give
 * features that differ by 8e-5.
 * @param t What the model is given: 1000 times the sampler's time, float32.
 */
export function timestepFeatures(t: number): Tensor<Float32Array> {
  const half = TIME_FEATURES / 2;
  const features = new Float32Array(TIME_FEATURES);
  const rate = Math.fround(-Math.log(MAX_PERIOD));
  for (let i = 0; i < half; i++) {
    const frequency = singleExp(Math.fround(Math.fround(rate * i) / half));
    const angle = Math.fround(Math.fround(t) * frequency);
    features[i] = Math.cos(angle);
    features[i + half] = Math.sin(angle);
  }
  return float32([1, TIME_FEATURES], features);
}

/**
 * `t_embedder` of a flow model, in float32.
 * @param features [S, 256], rows of `timestepFeatures`.
 * @returns [S, channels]
 */
export function timestepEmbedder(g: GraphBuilder, features: Value, channels: number): Value {
  const hidden = g.silu(g.linear(features, 't_embedder.mlp.0', channels));
  return g.linear(hidden, 't_embedder.mlp.2', channels);
}
