/**
 * What a GPU gains by beginning the next job while the mesh of the one before is extracted. The GPU is a stand-in that
 * holds its process for as long as networks did (`device-child.ts`); process, thread and messages are the product's.
 *
 *     npm run bench -- overlap [--save]
 *
 * Wants two cores of its own: one extracts, one is this process. The stand-in sleeps.
 */
import { silentLogger } from '@espalier/contracts';
import { InferenceProcess } from '../../packages/pipeline/src/inference/inference-process.ts';
import type { BenchReport } from '../report.ts';
import { DECODE_MS, STEP_MS, STEPS } from './device.ts';

const JOBS = 5;

interface Way {
  readonly name: string;
  /** The next job begins as in a generate lane: the device is free, and no more than one other is on its way to a mesh. */
  readonly overlap: boolean;
  /** Samplers wait between two steps until what was said is out. */
  readonly waiting: boolean;
}

const WAYS: readonly Way[] = [
  { name: 'one after the other', overlap: false, waiting: true },
  { name: 'overlapping, steps do not wait for messages', overlap: true, waiting: false },
  { name: 'overlapping', overlap: true, waiting: true },
];

export async function run(): Promise<BenchReport> {
  const inference = new InferenceProcess({
    folder: '.',
    device: 'auto',
    logger: silentLogger,
    module: new URL('./device-child.ts', import.meta.url),
  });
  try {
    await job(inference, WAYS[0] as Way).ended; // starts the process
    const results = [];
    for (const way of WAYS) results.push(await measure(inference, way));
    const device = (STEPS * STEP_MS + DECODE_MS) / 1000;
    const [before, , after] = results as [Result, Result, Result];
    return {
      rows: results.map(({ name, secondsAJob, slowest }) => ({
        way: name,
        'seconds a job': secondsAJob,
        'of them on the device': device / secondsAJob,
        'slowest job, s': slowest,
      })),
      figures: { jobs: JOBS, device_seconds: device, results, gain: before.secondsAJob / after.secondsAJob },
      goals: [
        { name: 'seconds a job, in those of the device', value: after.secondsAJob / device, limit: 1.15 },
        {
          name: 'jobs in the time of one before',
          value: before.secondsAJob / after.secondsAJob,
          limit: 1.3,
          sense: 'at-least',
        },
      ],
    };
  } finally {
    await inference.close();
  }
}

interface Result {
  readonly name: string;
  readonly secondsAJob: number;
  readonly slowest: number;
}

async function measure(inference: InferenceProcess, way: Way): Promise<Result> {
  const begun: number[] = [];
  const took: number[] = [];
  let before: Promise<void> = Promise.resolve();
  for (let i = 0; i <= JOBS; i++) {
    const began = performance.now();
    begun.push(began);
    const { deviceFree, ended } = job(inference, way);
    const over = ended.then(() => void took.push(performance.now() - began));
    await (way.overlap ? Promise.all([deviceFree, before]) : over);
    before = over;
  }
  await before;
  const seconds = ((begun.at(-1) ?? 0) - (begun[0] ?? 0)) / 1000;
  return { name: way.name, secondsAJob: seconds / JOBS, slowest: Math.max(...took) / 1000 };
}

function job(inference: InferenceProcess, { waiting }: Way): { deviceFree: Promise<void>; ended: Promise<void> } {
  let free = (): void => {};
  const deviceFree = new Promise<void>((resolve) => {
    free = resolve;
  });
  const work = async (): Promise<void> => {
    await inference.call('encode_text', { prompt: waiting ? 'waiting' : 'turning' }, {});
    await inference.call('decode', { fill_enclosed: true, gaussians: true }, {}, { onDeviceFree: free });
  };
  return { deviceFree, ended: work() };
}
