/** The web console and the API's page: a handful of files, read once, sent compressed, never from elsewhere. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyPluginAsync } from 'fastify';
import { contentSecurityPolicy } from '../http/headers.ts';
import { matchesEtag } from '../http/range.ts';
import { viewerStyleHashes } from './viewer-styles.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const PAGES: Readonly<Record<string, string>> = { '/': 'index.html', '/docs': 'docs.html' };
/** What the pages load, under `/console/`. */
const ASSET = /\.(?:css|js|svg)$/;

export const consoleRoutes: FastifyPluginAsync = async (app) => {
  const assets = (await readdir(consoleFile('.'))).filter((name) => ASSET.test(name));
  const viewer = fileURLToPath(import.meta.resolve('@google/model-viewer/dist/model-viewer.min.js'));
  const files = new Map<string, string>([
    ...Object.entries(PAGES).map(([path, name]): [string, string] => [path, consoleFile(name)]),
    ...assets.map((name): [string, string] => [`/console/${name}`, consoleFile(name)]),
    ['/console/model-viewer.js', viewer],
  ]);
  const policy = contentSecurityPolicy(viewerStyleHashes(await readFile(viewer, 'utf8')));
  for (const [path, file] of files) {
    const { plain, packed, etag, type } = await load(file);
    app.get(path, { config: { open: true }, schema: { hide: true } }, async (request, reply) => {
      reply.headers({
        'content-type': type,
        'content-security-policy': policy,
        'cache-control': 'no-cache',
        vary: 'accept-encoding',
        etag,
      });
      if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
      if (!/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) return reply.send(plain);
      return reply.header('content-encoding', 'gzip').send(packed);
    });
  }
};

function consoleFile(name: string): string {
  return fileURLToPath(new URL(`../../console/${name}`, import.meta.url));
}

async function load(file: string) {
  const plain = await readFile(file);
  const packed = await promisify(gzip)(plain, { level: 9 });
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 24)}"`;
  return { plain, packed, etag, type: TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'application/octet-stream' };
}
