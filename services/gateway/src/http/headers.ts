/** Response headers that every answer carries. */
import type { FastifyInstance } from 'fastify';

/**
 * Nothing but this server's own files. model-viewer keeps its styles in a shadow root's `<style>` elements, which
 * a policy can only admit by hash: see `viewer-styles.ts`.
 */
export function contentSecurityPolicy(styleHashes: readonly string[]): string {
  return [
    "default-src 'none'",
    // Compiling WebAssembly is all that is let in beyond files: model-viewer holds a mesh decoder.
    "script-src 'self' 'wasm-unsafe-eval'",
    `style-src 'self' ${styleHashes.map((hash) => `'sha256-${hash}'`).join(' ')}`.trim(),
    "img-src 'self' blob: data:",
    "connect-src 'self' blob:",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

export function addCommonHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) reply.header(name, value);
    // What jobs say changes; files that may be kept say so themselves.
    reply.header('cache-control', 'no-store');
  });
}
