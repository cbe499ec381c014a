/**
 * Death at random. Workers are killed without warning, every second or so, until all jobs are done: each result is
 * there once, byte for byte what an undisturbed run makes, and no death costs more than what may lie unsaved.
 *
 * CHAOS_SEED repeats a run's choices.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ended, expectWhole, fleet, LIGHT, options, records, seeded, submit, tell } from './place.ts';

const jobs = 60;
const workers = 4;

it(`${jobs} jobs on ${workers} workers, one killed every second, end as they would have undisturbed`, async () => {
  const seed = Number(process.env.CHAOS_SEED ?? randomInt(2 ** 31));
  tell(`chaos seed ${seed}`);
  const next = seeded(seed);
  const ids = await submit(jobs);
  for (let worker = 0; worker < workers; worker += 1) fleet.start();
  await Promise.all(fleet.workers.map(({ ready }) => ready));
  const victims: number[] = [];
  const deadline = Date.now() + 900_000;
  while ((await ended()) < ids.length) {
    if (Date.now() > deadline) {
      throw new Error(`seed ${seed}: ${await ended()} of ${jobs} jobs after ${victims.length} kills`);
    }
    await sleep(500 + next() * 1000);
    const alive = fleet.alive();
    const victim = alive[Math.floor(next() * alive.length)];
    // A process that cannot even start before it is killed would test nothing.
    if (victim === undefined || !(await isReady(victim.ready))) continue;
    victim.child.kill('SIGKILL');
    victims.push(victim.number);
    fleet.start();
  }
  await fleet.end('SIGTERM');
  await expectWhole(ids);
  const all = await records();
  const attempts = all.reduce((sum, { attempt }) => sum + attempt, 0);
  const losses = victims.flatMap((victim) => [...lostWith(victim).values()]);
  const steps = fleet.steps().length;
  const again = losses.reduce((sum, count) => sum + count, 0);
  tell(`${victims.length} kills, ${attempts} attempts, ${steps} steps, ${again} of them again after a kill`);
  tell(`steps repeated by kill and job in hand: ${losses.toSorted((a, b) => b - a).join(' ')}`);
  expect(victims.length).toBeGreaterThan(3);
  expect(steps).toBeGreaterThanOrEqual(jobs * 2 * LIGHT.steps);
  // One save interval, and the step in hand.
  expect(Math.max(0, ...losses)).toBeLessThanOrEqual(LIGHT.saveEvery + 1);
  expect(losses.length, 'no kill takes more jobs than a worker holds').toBeLessThanOrEqual(
    victims.length * options.width,
  );
}, 1_000_000);

/** Steps that a killed worker had computed and others computed again, by job. */
function lostWith(victim: number): Map<string, number> {
  const own = fleet.said.filter(({ worker }) => worker === victim);
  const last = own.at(-1)?.line.at ?? 0;
  const later = new Set<string>();
  for (const { worker, line } of fleet.said) {
    if (worker !== victim && line.type === 'step' && line.at > last) {
      later.add(`${line.job} ${line.stage} ${line.step}`);
    }
  }
  const lost = new Map<string, number>();
  for (const { line } of own) {
    if (line.type !== 'step' || !later.has(`${line.job} ${line.stage} ${line.step}`)) continue;
    lost.set(line.job, (lost.get(line.job) ?? 0) + 1);
  }
  return lost;
}

async function isReady(ready: Promise<void>): Promise<boolean> {
  return Promise.race([ready.then(() => true), sleep(0).then(() => false)]).catch(() => false);
}
