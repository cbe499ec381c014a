/**
 * `node --import tsx bench/starter/sheet.ts [OUT.png]`: 24 prompts made by the bundled model, drawn by the project's own
 * rasteriser: the picture at the head of the README.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { renderPreview } from '@espalier/geometry';
import sharp from 'sharp';
import { type Made, make, withRuntimes } from './generate.ts';
import { readTexturedGlb } from './textured-glb.ts';

const PROMPTS = [
  'a wooden treasure chest with golden bands',
  'a red chair with black legs',
  'a blue car',
  'a yellow rubber duck',
  'a red mushroom with a white stem',
  'a tall stone castle tower with a red roof',
  'a purple potion',
  'a brown teddy bear',
  'a silver sword with a brown handle',
  'a white snowman with a red hat',
  'a wooden barrel with black bands',
  'a small house with a red roof',
  'a green cactus with a pink flower',
  'a golden crown with red gems',
  'a white rocket with red fins',
  'a blue guitar',
  'a black cauldron',
  'an orange pumpkin',
  'a turquoise sailboat with a white sail',
  'a wooden bridge',
  'a green mug',
  'a pink donut',
  'a gray anvil',
  'a green turtle with a brown shell',
];
const COLUMNS = 6;
const CELL = 208;
const LABEL = 26;
const SEED = 7;
const TEXTURE = 1024;

const out = process.argv[2] ?? fileURLToPath(new URL('../../docs/images/starter.png', import.meta.url));
const tiles: { input: Buffer; left: number; top: number }[] = [];

async function place(index: number, { glb, stats }: Made): Promise<void> {
  const image = renderPreview(await readTexturedGlb(glb), { size: CELL });
  const left = (index % COLUMNS) * CELL;
  const top = Math.floor(index / COLUMNS) * (CELL + LABEL);
  const raw = { width: CELL, height: CELL, channels: 4 as const };
  tiles.push({ input: await sharp(image.data, { raw }).png().toBuffer(), left, top });
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${CELL}" height="${LABEL}"><text x="${CELL / 2}" y="15" font-family="DejaVu Sans, sans-serif" font-size="9.5" text-anchor="middle" fill="#444">${PROMPTS[index]}</text></svg>`;
  tiles.push({ input: Buffer.from(text), left, top: top + CELL });
  const done = `${tiles.length / 2}/${PROMPTS.length}`;
  process.stderr.write(`${done} ${PROMPTS[index]}: ${stats.generation_time_seconds.toFixed(1)} s\n`);
}

const queue = [...PROMPTS.entries()];
await withRuntimes(Math.min(4, availableParallelism()), (runtimes) =>
  Promise.all(
    runtimes.map(async (runtime) => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, prompt] = next;
        await place(index, await make(runtime, { prompt, seed: SEED, textureSize: TEXTURE }));
      }
    }),
  ),
);
const width = COLUMNS * CELL;
const height = Math.ceil(PROMPTS.length / COLUMNS) * (CELL + LABEL);
const page = sharp({ create: { width, height, channels: 3, background: '#f7f7f5' } }).composite(tiles);
await writeFile(out, await page.png({ compressionLevel: 9, palette: true, quality: 95 }).toBuffer());
