import type { PipelineEvent } from '@espalier/contracts';
import { expect, it } from 'vitest';
import { count, duration, fileSize, table } from '../src/progress/format.ts';
import { StageLines } from '../src/progress/stage-lines.ts';
import { captureIo } from './capture-io.ts';

function lines(interactive: boolean) {
  const time = { now: 0 };
  const io = captureIo({ interactive });
  const view = new StageLines({ io, now: () => time.now });
  const say = (event: Record<string, unknown>) => view.listen({ job: 'x', ...event } as PipelineEvent);
  return { time, io, view, say };
}

it('writes one plain line per stage where lines cannot be rewritten', () => {
  const { time, io, view, say } = lines(false);
  say({ type: 'stage.finished', stage: 'condition', seconds: 0.04, cached: true });
  say({ type: 'stage.started', stage: 'structure', steps: 12, resumedFromStep: 4 });
  for (let step = 5; step <= 12; step += 1) say({ type: 'stage.step', stage: 'structure', step, steps: 12 });
  time.now = 3210;
  say({ type: 'stage.finished', stage: 'structure', seconds: 3.21, cached: false });
  say({ type: 'stage.started', stage: 'texture' });
  say({ type: 'stage.step', stage: 'texture', step: 40, steps: 100 });
  expect(view.place).toBe('texture');
  say({ type: 'job.notice', code: 'PROMPT_TRUNCATED', message: 'the prompt was cut' });
  say({ type: 'stage.finished', stage: 'texture', seconds: 1, cached: false });
  expect(io.stderr.split('\n')).toEqual([
    '  condition   from checkpoint              0.0 s',
    '  structure   12/12 steps, from 4          3.2 s',
    '  note: the prompt was cut',
    '  texture                                  1.0 s',
    '',
  ]);
  expect(io.stdout).toBe('');
});

it('shows life now and then in a long stage', () => {
  const { time, io, say } = lines(false);
  say({ type: 'stage.started', stage: 'latent', steps: 25 });
  for (let step = 1; step <= 4; step += 1) {
    time.now += 20_000;
    say({ type: 'stage.step', stage: 'latent', step, steps: 25 });
  }
  expect(io.stderr.match(/latent/g)).toHaveLength(2);
  expect(io.stderr).toContain('4/25 steps');
});

it('rewrites the line on a terminal, and leaves it whole when stopped', () => {
  const { time, io, view, say } = lines(true);
  say({ type: 'stage.started', stage: 'structure', steps: 12 });
  time.now = 1500;
  say({ type: 'stage.step', stage: 'structure', step: 3, steps: 12 });
  expect(view.place).toBe('structure, step 3 of 12');
  expect(io.stderr).toContain('\r\u001b[2K  structure   3/12 steps');
  say({ type: 'job.notice', code: 'X', message: 'said in between' });
  expect(io.stderr).toContain('\r\u001b[2K  note: said in between\n\r\u001b[2K  structure');
  view.stop();
  expect(io.stderr.endsWith('\n')).toBe(true);
  expect(view.place).toBeUndefined();
});

it('formats as people read', () => {
  expect([0.04, 3.25, 99.94, 100, 3599, 3600, 7320].map(duration)).toEqual([
    '0.0 s',
    '3.3 s',
    '99.9 s',
    '1 min 40 s',
    '59 min 59 s',
    '1 h 0 min',
    '2 h 2 min',
  ]);
  expect([0, 999, 1000, 12_345, 999_960, 1_234_567, 5e9].map(fileSize)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '12 kB',
    '1.0 MB',
    '1.2 MB',
    '5.0 GB',
  ]);
  expect([count(1, 'face'), count(4312, 'face')]).toEqual(['1 face', '4,312 faces']);
  expect(
    table(
      [
        ['a', '1'],
        ['bb', '22'],
      ],
      [1],
    ),
  ).toBe('a    1\nbb  22\n');
});
