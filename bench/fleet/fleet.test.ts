import { describe, expect, it } from 'vitest';
import { readConfig } from '../../infra/lib/config.ts';
import { Agenda } from './agenda.ts';
import { extractionSeconds, gpuSeconds } from './measured.ts';
import { PARAMETERS, POLICIES } from './parameters.ts';
import { gpuRule, taskRule } from './scaling.ts';
import { simulate } from './simulate.ts';

const [held, , , apart] = POLICIES;
if (held === undefined || apart === undefined) throw new Error('policies are missing');
const day = { jobsPerDay: 2000, days: 1, killsPerHour: 0.5, seed: 3 };

describe('the simulation', () => {
  it('lets things happen in their order, those of one moment as they were put in', () => {
    const agenda = new Agenda();
    const seen: string[] = [];
    for (const [at, name] of [
      [5, 'e'],
      [1, 'a'],
      [3, 'c'],
      [1, 'b'],
      [4, 'd'],
    ] as const)
      agenda.in(at, () => seen.push(`${name}${agenda.now}`));
    while (agenda.step());
    expect(seen).toEqual(['a1', 'b1', 'c3', 'd4', 'e5']);
  });

  it('gives the same day for the same seed, and another one for another', () => {
    expect(simulate(apart, day, PARAMETERS)).toEqual(simulate(apart, day, PARAMETERS));
    expect(simulate(apart, { ...day, seed: 4 }, PARAMETERS).p50).not.toBe(simulate(apart, day, PARAMETERS).p50);
  });

  it('finishes every job however often machines are killed', () => {
    for (const policy of POLICIES) {
      const { submitted, finished } = simulate(policy, { ...day, killsPerHour: 5 }, PARAMETERS);
      expect(submitted).toBeGreaterThan(1800);
      expect(finished).toBe(submitted);
    }
  });

  it('accounts for work: without kills, spread and re-finishes a job takes what it takes', () => {
    const plain = { ...PARAMETERS, spread: 0, refinishShare: 0, idleMinutes: 100_000 };
    const outcome = simulate(apart, { ...day, killsPerHour: 0 }, plain);
    expect(outcome.gpuBusyPerAsset).toBeCloseTo(plain.gpuSeconds, 6);
    expect(outcome.wastedShare).toBe(0);
    expect(simulate(held, { ...day, killsPerHour: 0 }, plain).gpuBusyPerAsset).toBeCloseTo(
      plain.gpuSeconds + plain.heldFinishSeconds,
      6,
    );
  });

  it('loses less to kills with checkpoints than without', () => {
    const storm = { ...day, killsPerHour: 20 };
    const zero = simulate(held, storm, PARAMETERS).wastedShare;
    expect(zero).toBeGreaterThan(0.02);
    expect(simulate({ ...held, checkpoints: true }, storm, PARAMETERS).wastedShare).toBeLessThan(zero / 5);
  });
});

describe('what a card takes', () => {
  it('is the measured job with its networks slowed down, and no less than on the card that was measured', () => {
    const [h200, l4, a10g] = [gpuSeconds('h200'), gpuSeconds('l4'), gpuSeconds('a10g')];
    // An L4 has a sixteenth of the bandwidth and an eighth of the float16 rate, an A10G an eighth and a fourteenth.
    const l4Between = (l4 - h200) / h200;
    expect(l4Between).toBeGreaterThan((989 / 121 - 1) / 2);
    expect(l4Between).toBeLessThan(4800 / 300 - 1);
    expect((a10g - h200) / h200).toBeGreaterThan((4800 / 600 - 1) / 2);
    expect((a10g - h200) / h200).toBeLessThan(989 / 70 - 1);
    // On the measured card: what was measured.
    expect(h200).toBeCloseTo(3.89, 1);
  });

  it('holds the GPU for the extraction, too, where jobs do not overlap', () => {
    expect(extractionSeconds()).toBeGreaterThan(1);
    expect(PARAMETERS.heldFinishSeconds - PARAMETERS.finishSeconds).toBeCloseTo(extractionSeconds(), 10);
  });
});

describe('the scaling rules', () => {
  it('are those that are deployed', () => {
    const config = readConfig({});
    expect(PARAMETERS.backlogPerMachine).toBe(config.backlogPerMachine);
    expect(PARAMETERS.oldestSeconds).toBe(config.oldestMinutes * 60);
  });

  it('leave zero, grow with the backlog and with the oldest job, shrink after ten idle minutes', () => {
    const rule = gpuRule(PARAMETERS);
    const seen = { waiting: 0, inWork: 0, oldest: 0, machines: 0, coming: 0 };
    expect(rule({ ...seen, waiting: 1 })).toBe(1);
    expect(rule({ ...seen, waiting: 1, coming: 1 })).toBe(0);
    expect(rule({ ...seen, waiting: 40, machines: 2, coming: 1 })).toBe(7);
    expect(rule({ ...seen, waiting: 1, machines: 3, oldest: 700 })).toBe(2);
    const fresh = gpuRule(PARAMETERS);
    const changes = Array.from({ length: 11 }, () => fresh({ ...seen, machines: 3, inWork: 1 }));
    expect(changes).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1]);
  });

  it('give finishing tasks time to come before more are called', () => {
    const rule = taskRule(2, 10);
    const seen = { waiting: 9, inWork: 0, oldest: 0, machines: 0, coming: 0 };
    expect([rule(seen), rule(seen), rule(seen)]).toEqual([4, 0, 4]);
  });
});
