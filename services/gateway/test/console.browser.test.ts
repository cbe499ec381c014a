/** The web console in real Chromium, over a real gateway and a real bucket. `npm run test:browser`. */
import { readFileSync } from 'node:fs';
import { STAGES } from '@espalier/contracts';
import { DeliveryLog, newDelivery, tried } from '@espalier/notifier';
import { MemoryQueue } from '@espalier/queue';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApiKey, parseApiKeys } from '../src/index.ts';
import { CUBE } from './bucket-worker.ts';
import { type Harness, startHarness } from './harness.ts';

/** Software rendering on a busy machine: what takes a second on a desk may take half a minute. */
const SLOW = 90_000;
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

let browser: Browser;
let context: BrowserContext;
let harness: Harness;
let page: Page;
let faults: string[];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS.split(' '),
  });
});
afterAll(() => browser?.close());

beforeEach(async () => {
  harness = await startHarness();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  context.setDefaultTimeout(SLOW);
  faults = [];
  page = await open();
});
afterEach(async () => {
  await context.close();
  await harness.close();
  // Nothing may be refused by the content security policy, thrown, or asked from elsewhere.
  expect(faults).toEqual([]);
});

async function open(path = '/'): Promise<Page> {
  const opened = await context.newPage();
  opened.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  opened.on('console', (message) => {
    if (/Content Security Policy|Content-Security-Policy/i.test(message.text())) faults.push(message.text());
  });
  opened.on('request', (request) => {
    if (!request.url().startsWith(harness.base) && !/^(blob|data):/.test(request.url()))
      faults.push(`asked for ${request.url()}`);
  });
  await opened.goto(harness.base + path);
  return opened;
}

/** Submits by the form and returns the job's id. */
async function submit(prompt: string): Promise<string> {
  await page.getByLabel('Prompt').fill(prompt);
  await page.getByRole('button', { name: 'Generate' }).click();
  await page.waitForURL(/#\/jobs\//);
  return decodeURIComponent(page.url().split('#/jobs/')[1] ?? '');
}

const title = (on: Page) => on.locator('.title');
/** Waits until `expression`, in the page, is true. The page's own policy forbids Playwright's way of waiting. */
const until = (on: Page, expression: string) =>
  expect.poll(() => on.evaluate(expression), { timeout: SLOW, interval: 200 }).toBe(true);
const shown = (on: Page) =>
  until(
    on,
    `document.querySelector('#viewer').modelIsVisible === true && document.querySelector('#curtain').children.length === 0`,
  );

/** Share of the middle of the viewer that is one of the cube's colours. */
async function colours(on: Page): Promise<{ distinct: number; saturated: number }> {
  const image = await on.locator('#viewer').screenshot();
  const { data, info } = await sharp(image).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const seen = new Set<number>();
  let saturated = 0;
  for (let i = 0; i < data.length; i += 3) {
    const [r = 0, g = 0, b = 0] = [data[i], data[i + 1], data[i + 2]];
    if (Math.max(r, g, b) - Math.min(r, g, b) < 45) continue;
    saturated += 1;
    seen.add((r >> 5) * 64 + (g >> 5) * 8 + (b >> 5));
  }
  return { distinct: seen.size, saturated: saturated / (info.width * info.height) };
}

/** Those of the whole cube, once it is there: what stood in its place fades when it comes. */
async function solidColours(on: Page): ReturnType<typeof colours> {
  let last = { distinct: 0, saturated: 0 };
  const settled = async () => {
    const before = last.saturated;
    last = await colours(on);
    return last.saturated > 0.08 && last.saturated === before;
  };
  await expect.poll(settled, { timeout: SLOW, interval: 200 }).toBe(true);
  return last;
}

describe('a job in the console', () => {
  it('is submitted, followed step by step, and seen', async () => {
    const id = await submit('A wooden treasure chest');
    await title(page).getByText('queued').waitFor();
    await harness.worker.claim(id);
    await harness.worker.stage(id, 'condition');
    await harness.worker.stage(id, 'structure', 5, 25);
    await page.locator('.timeline .running').getByText('step 5 of 25').waitFor();
    await harness.worker.stage(id, 'structure', 20, 25);
    await page.locator('.timeline .running').getByText('step 20 of 25').waitFor();
    expect(await page.locator('.timeline li').count()).toBe(STAGES.length);
    expect(await page.locator('.timeline .done .name').allTextContents()).toEqual(['condition']);
    await harness.worker.succeed(id);
    await shown(page);
    const { distinct } = await solidColours(page);
    expect(distinct).toBeGreaterThanOrEqual(3);
    // Seconds per stage, and what came from a checkpoint.
    expect(await page.locator('.bars .cached dt').allTextContents()).toEqual(['decode']);
    await page.locator('.bars').getByText('2.9 s').waitFor();
    await page.getByText('1 of 7 stages from checkpoints').waitFor();
  });

  it('is shown as a wireframe, which leaves most of the surface open', async () => {
    const id = await submit('A box');
    await harness.worker.run(id);
    await shown(page);
    const solid = await solidColours(page);
    await page.getByRole('radio', { name: 'Wireframe' }).check();
    await expect
      .poll(async () => (await colours(page)).saturated, { timeout: SLOW, interval: 500 })
      .toBeLessThan(solid.saturated / 3);
    await page.getByRole('radio', { name: 'Texture' }).check();
    await expect
      .poll(async () => (await colours(page)).saturated, { timeout: SLOW, interval: 500 })
      .toBeGreaterThan(solid.saturated / 2);
  });

  it('can be cancelled, and says when it has stopped', async () => {
    const id = await submit('A box');
    await harness.worker.claim(id);
    await harness.worker.stage(id, 'structure', 5, 25);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await title(page).getByText('stopping').waitFor();
    expect(await harness.worker.heed(id)).toBe(true);
    await title(page).getByText('cancelled').waitFor();
    expect(await page.getByRole('button', { name: 'Cancel' }).count()).toBe(0);
  });

  it('survives a reload in the middle', async () => {
    const id = await submit('A box');
    await harness.worker.claim(id);
    await harness.worker.stage(id, 'latent', 10, 25);
    await page.locator('.timeline').getByText('step 10 of 25').waitFor();
    await page.reload();
    await page.locator('.timeline').getByText('step 10 of 25').waitFor();
    await harness.worker.stage(id, 'latent', 15, 25);
    await page.locator('.timeline').getByText('step 15 of 25').waitFor();
  });

  it('is the same in two tabs, whichever one acts', async () => {
    const id = await submit('A box');
    const other = await open(`/#/jobs/${id}`);
    await harness.worker.claim(id);
    await harness.worker.stage(id, 'decode');
    for (const tab of [page, other]) await tab.locator('.timeline .running .name').getByText('decode').waitFor();
    await other.getByRole('button', { name: 'Cancel' }).click();
    await title(page).getByText('stopping').waitFor();
    await harness.worker.heed(id);
    for (const tab of [page, other]) await title(tab).getByText('cancelled').waitFor();
  });

  it('can be finished anew at the cost of seconds', async () => {
    const id = await submit('A box');
    await harness.worker.run(id);
    await page.getByRole('button', { name: 'Re-texture' }).click();
    await page.getByText('not a new generation').waitFor();
    // The job's own seconds: surface, texture and export, and those before them that are cached here.
    await page.getByText('The last finish took 1.5 s').waitFor();
    await page.getByRole('dialog').getByRole('radio', { name: '2048' }).check();
    await page.locator('#retexture-go').click();
    await until(page, `!location.hash.endsWith(${JSON.stringify(id)})`);
    await title(page).getByText('texture 2048').waitFor();
    await page.getByText('Another finish of').waitFor();
    await expect.poll(async () => (await harness.call('GET', '/jobs')).body.jobs.length).toBe(2);
  });

  it('gives its file and its seed', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const id = await submit('A box');
    await harness.worker.run(id);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(`${id}.glb`);
    expect(
      readFileSync(await download.path())
        .subarray(0, 4)
        .toString(),
    ).toBe('glTF');
    await page.getByRole('button', { name: 'Copy seed' }).click();
    const { seed } = (await harness.call('GET', `/jobs/${id}`)).body;
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe(String(seed));
  });

  it('tells what came of its webhook while it happens, and tells it again', async () => {
    await page.close();
    await harness.close();
    const queue = new MemoryQueue();
    harness = await startHarness({ notifications: queue });
    page = await open();
    await page.getByText('More', { exact: true }).click();
    await page.getByLabel('Webhook').fill('https://example.com/hook');
    const id = await submit('A box');
    await page.locator('.deliveries .chip').getByText('when the job ends').waitFor();
    await harness.worker.run(id);
    await page.locator('.deliveries .chip').getByText('not tried yet').waitFor();
    const about = { webhook_id: 'msg_1', job: id, url: 'https://example.com/hook', body: '{}' } as const;
    const fresh = newDelivery({ ...about, type: 'job.completed', format: 'runpod' }, Date.now());
    const moment = { began: Date.now(), ended: Date.now() + 120, random: 0 };
    const log = new DeliveryLog(harness.store);
    const failed = await log.write(
      tried(fresh, { kind: 'failed', status: 503, error: 'answered 503' }, moment),
      undefined,
    );
    await page.locator('.deliveries .chip').getByText('pending').waitFor();
    await page.locator('.deliveries summary').click();
    await page.locator('.deliveries').getByText('answered 503').waitFor();
    await page.getByRole('button', { name: 'Tell it again' }).click();
    await expect.poll(() => queue.depth()).toBe(1);
    const again = await log.read(id, 'msg_1');
    expect([failed?.delivery.failures, again?.delivery.failures, again?.delivery.replays]).toEqual([1, 0, 1]);
    if (again === undefined) return;
    await log.write(tried(again.delivery, { kind: 'delivered', status: 200 }, moment), again);
    await page.locator('.deliveries .chip').getByText('delivered').waitFor();
    expect(await page.locator('.deliveries li').allTextContents()).toHaveLength(2);
  });

  it('says which words the model does not know, and what the encoder did not see', async () => {
    const id = await submit('A flamboyant box');
    await harness.worker.claim(id);
    await harness.worker.succeed(id, CUBE, {
      tokens: {
        tokens: 90,
        used: 77,
        truncated: true,
        truncated_text: 'of the end',
        unknown_words: ['flamboyant'],
        remedy: 'pull a model of open vocabulary',
      },
    });
    await page.locator('.notice').getByText('flamboyant').waitFor();
    await page.locator('.notice').getByText('pull a model of open vocabulary').waitFor();
    await page.locator('.notice').getByText('of the end').waitFor();
  });

  it('comes back by itself when the server was away', async () => {
    const id = await submit('A box');
    await title(page).getByText('queued').waitFor();
    const { port } = new URL(harness.base);
    await harness.gateway.close();
    await page.locator('#health').getByText('does not answer').waitFor();
    const { createGateway } = await import('../src/index.ts');
    const again = await createGateway({
      store: harness.store,
      limits: { watchMilliseconds: 20, listingMilliseconds: 0, rates: false },
    });
    await again.listen({ port: Number(port) });
    try {
      await harness.worker.claim(id);
      await harness.worker.stage(id, 'surface');
      await page.locator('.timeline .running .name').getByText('surface').waitFor();
    } finally {
      await page.close();
      await again.close();
    }
  });
});

describe('bad input', () => {
  it('is answered at its field in the published words, and nothing is submitted', async () => {
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.locator('#prompt-error').getByText("Missing required 'prompt' parameter").waitFor();
    expect(await page.getByLabel('Prompt').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Prompt').fill('A box');
    await page.getByRole('textbox', { name: 'Seed' }).fill('seven');
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.locator('#seed-error').getByText("'seed' must be an integer").waitFor();
    expect(await page.locator('#prompt-error').textContent()).toBe('');
    expect((await harness.store.list('jobs/')).objects).toEqual([]);
  });

  it('of a prompt is never read as a page', async () => {
    const id = await submit('<img src=x onerror="document.title=1"><script>alert(1)</script>');
    await harness.worker.claim(id);
    await harness.worker.fail(id, 'X', '<b>bold</b>');
    await page.getByText('<b>bold</b>').waitFor();
    expect(await page.locator('.title img, .title script, #gallery script').count()).toBe(0);
  });

  it('of an address shows that there is no such job', async () => {
    await page.goto(`${harness.base}/#/jobs/nobody`);
    await page.getByText('There is no such job').waitFor();
  });
});

describe('the gallery', () => {
  it('shows the preview that the worker made, and draws nothing then', async () => {
    const id = await harness.submit('A box');
    await harness.worker.claim(id);
    const square = { width: 64, height: 64, channels: 3, background: '#c03020' } as const;
    const picture = await sharp({ create: square }).webp().toBuffer();
    await harness.worker.succeed(id, CUBE, {}, { 'preview.webp': picture });
    const image = page.locator('#gallery img');
    await image.waitFor();
    await until(page, `document.querySelector('#gallery img').naturalWidth === 64`);
    expect(await page.locator('model-viewer').count(), 'the one on the stage').toBe(1);
  });

  it('shows a picture of each finished asset', async () => {
    const id = await harness.submit('A box');
    await harness.worker.run(id);
    const image = page.locator('#gallery img');
    await image.waitFor();
    await expect
      .poll(() => page.evaluate(`document.querySelector('#gallery img').naturalWidth`), { timeout: SLOW })
      .toBeGreaterThan(100);
    // Kept in the browser: after a reload it is there without drawing anything.
    await page.reload();
    await image.waitFor();
    await image.click();
    await title(page).getByText('A box').waitFor();
  });
});

describe('by keyboard alone', () => {
  it('a job is submitted and cancelled', async () => {
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the asset');
    await page.getByLabel('Prompt').focus();
    await page.keyboard.type('A box');
    await page.keyboard.press('Control+Enter');
    await page.waitForURL(/#\/jobs\//);
    const cancel = page.getByRole('button', { name: 'Cancel' });
    await cancel.waitFor();
    for (let i = 0; i < 60; i += 1) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate('document.activeElement.textContent')) === 'Cancel') break;
    }
    await page.keyboard.press('Enter');
    await title(page).getByText('cancelled').waitFor();
  });
});

describe('with API keys', () => {
  it('asks for the key once and keeps it in the tab', async () => {
    const { key, line } = createApiKey('laptop');
    await page.close();
    await harness.close();
    harness = await startHarness({ keys: parseApiKeys(line, 'test') });
    page = await open();
    await page.getByLabel('Key', { exact: true }).fill(key);
    await page.getByRole('button', { name: 'Use it' }).click();
    const id = await submit('A box');
    await harness.worker.claim(id);
    await harness.worker.stage(id, 'decode');
    await page.locator('.timeline .running .name').getByText('decode').waitFor();
    await page.reload();
    await page.locator('.timeline .running .name').getByText('decode').waitFor();
  });
});

describe('on a phone', () => {
  it('nothing is wider than the screen', async () => {
    const id = await harness.submit(`A ${'very '.repeat(60)}long prompt without end`);
    await harness.worker.run(id);
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(`${harness.base}/#/jobs/${id}`);
    await page.locator('.facts').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
  });
});

describe('/docs', () => {
  it('draws every operation from the OpenAPI document', async () => {
    await page.goto(`${harness.base}/docs`);
    await page.locator('#getModel').waitFor();
    const { paths } = (await harness.call('GET', '/openapi.json')).body;
    const operations = Object.values(paths).flatMap((methods) => Object.keys(methods as object));
    expect(await page.locator('.operation').count()).toBe(operations.length);
    // What is sent is what a reader came for: a body that takes either of two forms shows both, and one to copy.
    expect(await page.locator('#run table').getByText('input.prompt').count()).toBe(1);
    expect(await page.locator('#run table').getByText('from', { exact: true }).count()).toBe(1);
    expect(await page.locator('#run pre').textContent()).toContain('-d \'{"input":{"prompt":');
  });
});
