/**
 * Arithmetic of one step, in float32 with the roundings of the original: each scalar is formed in float64 and rounded
 * once. Sources: Lipman et al. 2023 (flow matching), Ho & Salimans 2022 (classifier-free guidance), TRELLIS
 * `pipelines/samplers/flow_euler.py`.
 */

/** `(1 + s) * conditional - s * negative`. */
export function guidedVelocity(conditional: Float32Array, negative: Float32Array, strength: number): Float32Array {
  const plus = Math.fround(1 + strength);
  const minus = Math.fround(strength);
  return conditional.map((v, i) => Math.fround(plus * v) - Math.fround(minus * (negative[i] as number)));
}

/** `x - (t - next) * v`: the sample at time `next`. */
export function eulerStep(x: Float32Array, velocity: Float32Array, t: number, next: number): Float32Array {
  const dt = Math.fround(t - next);
  return x.map((value, i) => value - Math.fround(dt * (velocity[i] as number)));
}

/** `(1 - sigma) x - (sigma + (1 - sigma) t) v`: what the sampler takes the finished sample to be. */
export function predictX0(x: Float32Array, velocity: Float32Array, t: number, sigmaMin: number): Float32Array {
  const keep = Math.fround(1 - sigmaMin);
  const reach = Math.fround(sigmaMin + (1 - sigmaMin) * t);
  return x.map((value, i) => Math.fround(keep * value) - Math.fround(reach * (velocity[i] as number)));
}
