/** `espalier demo`: one asset from the bundled model, and what to do with it. */
import { join } from 'node:path';
import { parseJob } from '@espalier/contracts';
import { chooseModel, type PlaceOptions, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { make, summary } from './generate.ts';

const PROMPT = 'A wooden treasure chest';
const SEED = 42;

export async function demo(io: CliIo, options: PlaceOptions): Promise<ExitCode> {
  const settings = readSettings(io, options);
  const model = chooseModel(io, settings, options.model);
  const job = parseJob({ prompt: PROMPT, seed: SEED }, { id: 'demo', random: () => SEED });
  io.err(`Making ${JSON.stringify(PROMPT)} from text, on this machine, without a network:\n`);
  const out = join(io.cwd, 'espalier-out');
  const made = await make(io, job, model, { ...options, settings, out });
  if (typeof made === 'number') return made;
  io.out(`${summary(io, job, made)}
Look at it: open espalier-out/model.glb in Blender (File > Import > glTF), in the viewer of your system,
or by dropping it on any glTF viewer page.

Then try:
  npx espalier generate "A red wooden chair" --seed 7         another prompt
  npx espalier generate "${PROMPT}" --seed ${SEED} --texture-size 2048
                                                              a sharper texture: no network runs again
  npx espalier --help                                         workers, buckets, parity
`);
  return EXIT.ok;
}
