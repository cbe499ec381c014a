/** What this package uses of `@adobe/spz`, whose own types pass for CommonJS while its code is a module. */
declare module '@adobe/spz' {
  /** Values of one kind for all Gaussians, one Gaussian after the other. */
  interface GaussianCloud {
    readonly numPoints: number;
    readonly shDegree: number;
    readonly antialiased: boolean;
    readonly extensions: readonly object[];
    readonly positions: Float32Array;
    /** Natural logarithms. */
    readonly scales: Float32Array;
    /** Quaternions, w last. */
    readonly rotations: Float32Array;
    /** Logits. */
    readonly alphas: Float32Array;
    /** Harmonics of degree 0. */
    readonly colors: Float32Array;
    readonly sh: Float32Array;
  }

  /** Three letters for where x, y and z point: RDF is right, down, forward. */
  interface CoordinateSystems {
    readonly RDF: unique symbol;
  }
  type CoordinateSystem = CoordinateSystems[keyof CoordinateSystems];

  interface PackOptions {
    readonly version: number;
    readonly from: CoordinateSystem;
    readonly sh1Bits: number;
    readonly shRestBits: number;
  }

  interface SpzModule {
    readonly CoordinateSystem: CoordinateSystems;
    /** Null for a cloud whose arrays do not fit together. */
    saveSpzToBuffer(cloud: GaussianCloud, options: PackOptions): Uint8Array | null;
  }

  export default function createSpzModule(overrides: {
    print(line: string): void;
    printErr(line: string): void;
  }): Promise<SpzModule>;
}
