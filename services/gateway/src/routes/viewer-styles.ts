/**
 * model-viewer styles its shadow root by one `<style>` element in a constant template. A content security policy
 * without `unsafe-inline` admits it by its hash, which is computed from the very file that is served.
 */
import { createHash } from 'node:crypto';

/** @param source of model-viewer's bundle @returns SHA-256 in base64, one per style element */
export function viewerStyleHashes(source: string): string[] {
  const styles = [...source.matchAll(/<style>([\s\S]*?)<\/style>/g)].map((match) => match[1] ?? '');
  return styles.map((style) => createHash('sha256').update(style).digest('base64'));
}
