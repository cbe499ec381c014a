/**
 * Jobs in a row on one model, with the card's memory after each: `soak.ts MODEL JOBS STEPS`. From the prompt to the
 * cells of the mesh; finishing is the processor's work. One line of JSON per job.
 */
import './sessions.ts';
import { TorchGenerator } from '@espalier/tensors';
import { TrellisModel } from '@espalier/trellis';
import { memoryInUse } from './memory.ts';

const [, , folder = '', jobs = '20', steps = '25'] = process.argv;
const device = (process.env.ESPALIER_DEVICE ?? 'cuda') as 'cuda' | 'cpu';
const model = await TrellisModel.open(folder, { device });
const params = { steps: Number(steps) };

async function stage<T>(seconds: Record<string, number>, name: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  seconds[name] = Math.round(performance.now() - started) / 1000;
  return result;
}

for (let job = 0; job < Number(jobs); job++) {
  const seconds: Record<string, number> = {};
  const generator = new TorchGenerator(job);
  const text = await stage(seconds, 'text', () => model.encodeText(`chair number ${job}`));
  const latent = await stage(seconds, 'structure', () => model.sampleStructure({ ...text, generator, params }));
  const all = await stage(seconds, 'voxels', () => model.decodeStructure(latent));
  // Every job another number of voxels, as with real prompts: what an allocator keeps must not grow with variety.
  const rows = Math.floor((all.data.length / 4) * (1 - 0.6 * Math.abs(Math.sin(job))));
  const coords = { ...all, shape: [rows, 4], data: all.data.subarray(0, rows * 4) };
  const slat = await stage(seconds, 'latent', () => model.sampleLatent({ ...text, generator, params, coords }));
  const cells = await stage(seconds, 'mesh', () => model.decodeMesh({ coords, slat }));
  model.giveBackCells(cells);
  const line = {
    job,
    voxels: rows,
    cells: cells.coords.length / 3,
    seconds,
    memory: memoryInUse(),
    hostMb: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
  process.stdout.write(`FIGURES ${JSON.stringify(line)}\n`);
}
await model.release();
process.stdout.write(`FIGURES ${JSON.stringify({ released: true, memory: memoryInUse() })}\n`);
