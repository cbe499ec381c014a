/** 3D Gaussians as the Gaussian decoder gives them, after its activations. */
export interface Gaussians {
  readonly count: number;
  /** [G, 3] centres in world units. */
  readonly positions: Float32Array;
  /** [G, 3] spherical-harmonics coefficients of degree 0; colour = 0.5 + 0.28209479177387814 * sh. */
  readonly sh0: Float32Array;
  /** [G, 3] standard deviations along the own axes, world units. */
  readonly scales: Float32Array;
  /** [G, 4] unit quaternions, w first. */
  readonly rotations: Float32Array;
  /** [G] in (0, 1). */
  readonly opacities: Float32Array;
}
