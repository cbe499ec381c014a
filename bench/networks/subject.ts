/** Our side of the comparison, in a process of its own: `subject.ts FOLDER NAME THREADS`, then lines on stdin. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SafetensorsFile, type Tensor } from '@espalier/tensors';
import type { NetworkCase } from './cases.ts';
import { openSubject } from './open-subject.ts';

const [, , folder = '', name = '', threads = '2'] = process.argv;

function residentMegabytes(field: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

function answer(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

const baseline = residentMegabytes('VmRSS');
const request = JSON.parse(readFileSync(join(folder, `${name}.request.json`), 'utf8')) as NetworkCase;
const file = await SafetensorsFile.open(join(folder, `${name}.case.safetensors`));
const inputs: Record<string, Tensor> = {};
for (const key of file.entries.keys()) {
  if (key !== 'expected') inputs[key] = await file.read(key);
}
const started = performance.now();
const run = await openSubject(request, join(folder, name), inputs, Number(threads));
answer({ opened: (performance.now() - started) / 1000, baseline });

let result: Float32Array = new Float32Array(0);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'run') {
    const cpu = process.cpuUsage();
    const begun = performance.now();
    result = await run();
    const { user, system } = process.cpuUsage(cpu);
    answer({ seconds: (performance.now() - begun) / 1000, cpu: (user + system) / 1e6 });
  } else {
    const peak = residentMegabytes('VmHWM');
    const { data: expected } = await file.readFloat32('expected');
    const size = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    const error = expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (result[i] as number))), 0);
    answer({ peak, error: result.length === expected.length ? error / size : Number.POSITIVE_INFINITY });
  }
}
