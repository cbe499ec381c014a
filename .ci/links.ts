/**
 * Checks every relative link of the Markdown files: that the file is there, and the heading it points to. Works
 * offline; addresses on other hosts are left alone.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Links of a Markdown text: `[text](target)`, `![alt](target)` and `[name]: target`, outside of code. */
export function linksOf(markdown: string): string[] {
  const text = withoutCode(markdown);
  const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const references = [...text.matchAll(/^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$/gm)];
  return [...inline, ...references].map(([, target]) => target ?? '');
}

/** Anchors of a Markdown text, as GitHub makes them of its headings. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  for (const [, heading = ''] of withoutFences(markdown).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const base = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const count = seen.get(base) ?? 0;
    seen.set(base, count + 1);
    anchors.add(count === 0 ? base : `${base}-${count}`);
  }
  return anchors;
}

/** What is wrong with the links of one file. @param path absolute */
export function faultsOf(path: string): string[] {
  return linksOf(readFileSync(path, 'utf8')).flatMap((link) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(link) || link.startsWith('//')) return [];
    const [file = '', anchor] = decodeURIComponent(link).split('#');
    const target = file === '' ? path : resolve(dirname(path), file);
    if (!existsSync(target)) return [`${link}: there is no ${relative(ROOT, target)}`];
    if (anchor === undefined || statSync(target).isDirectory() || !target.endsWith('.md')) return [];
    return anchorsOf(readFileSync(target, 'utf8')).has(anchor) ? [] : [`${link}: no such heading`];
  });
}

function withoutFences(markdown: string): string {
  return markdown.replace(/^(\s*)(```+|~~~+)[\s\S]*?^\1\2\s*$/gm, '');
}

function withoutCode(markdown: string): string {
  return withoutFences(markdown).replace(/`[^`\n]*`/g, '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const listing = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const files = listing.split('\n').filter((file) => file !== '' && existsSync(join(ROOT, file)));
  let faults = 0;
  let links = 0;
  for (const file of files) {
    links += linksOf(readFileSync(join(ROOT, file), 'utf8')).length;
    for (const fault of faultsOf(join(ROOT, file))) {
      faults += 1;
      process.stderr.write(`${file}: ${fault}\n`);
    }
  }
  process.stdout.write(`${links} links in ${files.length} files, ${faults} broken\n`);
  process.exitCode = faults === 0 ? 0 : 1;
}
