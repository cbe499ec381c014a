/** The Khronos glTF validator, with its types written down. */

export interface GlbMessage {
  readonly code: string;
  readonly message: string;
  readonly severity: 'error' | 'warning' | 'info' | 'hint';
  /** JSON pointer into the file. */
  readonly pointer?: string;
}

export interface GlbReport {
  /** Version of the validator. */
  readonly version: string;
  readonly errors: number;
  readonly warnings: number;
  readonly infos: number;
  readonly hints: number;
  /** At most 100. */
  readonly messages: readonly GlbMessage[];
}

const SEVERITIES = ['error', 'warning', 'info', 'hint'] as const;

/** Findings of the validator on a binary glTF file; what is no glTF at all is reported as an error, not thrown. */
export async function validateGlb(bytes: Uint8Array): Promise<GlbReport> {
  const { default: validator } = await import('gltf-validator');
  try {
    const { issues } = await validator.validateBytes(bytes, { format: 'glb', maxIssues: 100, writeTimestamp: false });
    return {
      version: validator.version(),
      errors: issues.numErrors,
      warnings: issues.numWarnings,
      infos: issues.numInfos,
      hints: issues.numHints,
      messages: issues.messages.map(({ code, message, severity, pointer }) => ({
        code,
        message,
        severity: SEVERITIES[severity] ?? 'error',
        ...(pointer === undefined ? {} : { pointer }),
      })),
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      version: validator.version(),
      errors: 1,
      warnings: 0,
      infos: 0,
      hints: 0,
      messages: [{ code: 'NOT_A_GLB', message, severity: 'error' }],
    };
  }
}
