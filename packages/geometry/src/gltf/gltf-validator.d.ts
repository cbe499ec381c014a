/** What this package uses of `gltf-validator`, which comes without types. */
declare module 'gltf-validator' {
  interface Issue {
    readonly code: string;
    readonly message: string;
    /** 0 error, 1 warning, 2 information, 3 hint. */
    readonly severity: number;
    readonly pointer?: string;
  }

  interface Report {
    readonly issues: {
      readonly numErrors: number;
      readonly numWarnings: number;
      readonly numInfos: number;
      readonly numHints: number;
      readonly messages: readonly Issue[];
    };
  }

  interface Options {
    readonly format: 'glb' | 'gltf';
    readonly maxIssues: number;
    readonly writeTimestamp: boolean;
  }

  const validator: {
    version(): string;
    validateBytes(bytes: Uint8Array, options: Options): Promise<Report>;
  };
  export default validator;
}
