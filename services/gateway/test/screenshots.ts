/**
 * Takes the pictures of the web console in docs/images from a running server that has jobs:
 * `node --import tsx services/gateway/test/screenshots.ts http://127.0.0.1:8000 docs/images [job] [light|dark|phone]`.
 */
import { join } from 'node:path';
import { type BrowserContextOptions, chromium } from 'playwright-core';

const [base = 'http://127.0.0.1:8000', folder = 'docs/images'] = process.argv.slice(2);
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
const WAIT = 120_000;

interface ListedJob {
  readonly id: string;
  readonly state: string;
}

const { jobs } = (await (await fetch(`${base}/jobs`)).json()) as { jobs: ListedJob[] };
const wanted = process.argv[4];
/** One picture alone. */
const only = process.argv[5];
const done = jobs.find(({ id, state }) => state === 'succeeded' && (wanted === undefined || id.startsWith(wanted)));
const running = jobs.find(({ state }) => state === 'running') ?? done;
if (done === undefined || running === undefined) throw new Error(`${base} has no finished job to show`);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });

async function take(name: string, id: string, options: BrowserContextOptions, fullPage = false): Promise<void> {
  if (only !== undefined && only !== name) return;
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT);
  await page.goto(`${base}/#/jobs/${encodeURIComponent(id)}`);
  await page.locator('.title').waitFor();
  const ready = `(() => {
    const viewer = document.querySelector('#viewer');
    const pictures = document.querySelectorAll('#gallery .dot.succeeded').length;
    return (viewer.hidden || viewer.modelIsVisible) && document.querySelectorAll('#gallery img').length >= (${fullPage} ? pictures : Math.min(pictures, 6));
  })()`;
  const end = Date.now() + WAIT;
  const log = page.locator('.deliveries summary');
  if (fullPage && (await log.count()) > 0) await log.click();
  while (!(await page.evaluate(ready)) && Date.now() < end) {
    // Pictures are made of what is looked at.
    if (fullPage) await page.evaluate('window.scrollBy(0, innerHeight / 2)');
    await page.waitForTimeout(500);
  }
  await page.evaluate('window.scrollTo(0, 0)');
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, `console-${name}.png`), fullPage });
  await context.close();
}

const desk = { viewport: { width: 1440, height: 1000 } };
await take('light', done.id, { ...desk, colorScheme: 'light' }, true);
await take('dark', running.id, { ...desk, colorScheme: 'dark' });
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
await take('phone', done.id, { ...phone, colorScheme: 'light' }, true);
await browser.close();
