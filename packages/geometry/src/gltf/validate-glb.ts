/** The Khronos glTF validator, with its types written down. */

import type { GlbMessage } from './glb-message.ts';
import { judgeKtx2Images } from './ktx2-images.ts';

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

/**
 * Findings of the validator on a binary glTF file; what is no glTF at all is reported as an error, not thrown. KTX2
 * images, which it does not know, are looked at by `judgeKtx2Images`.
 */
export async function validateGlb(bytes: Uint8Array): Promise<GlbReport> {
  const { default: validator } = await import('gltf-validator');
  const version = validator.version();
  try {
    const { issues } = await validator.validateBytes(bytes, { format: 'glb', maxIssues: 100, writeTimestamp: false });
    const found = issues.messages.map(({ code, message, severity, pointer }) => ({
      code,
      message,
      severity: SEVERITIES[severity] ?? 'error',
      ...(pointer === undefined ? {} : { pointer }),
    }));
    const messages = judgeKtx2Images(bytes, found);
    const changed = (severity: GlbMessage['severity']) => countOf(messages, severity) - countOf(found, severity);
    return {
      version,
      errors: issues.numErrors + changed('error'),
      warnings: issues.numWarnings + changed('warning'),
      infos: issues.numInfos,
      hints: issues.numHints,
      messages,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const messages: GlbMessage[] = [{ code: 'NOT_A_GLB', message, severity: 'error' }];
    return { version, errors: 1, warnings: 0, infos: 0, hints: 0, messages };
  }
}

function countOf(messages: readonly GlbMessage[], severity: GlbMessage['severity']): number {
  return messages.filter((message) => message.severity === severity).length;
}
