import { type JobStatus, silentLogger } from '@espalier/contracts';
import { expect, it } from 'vitest';
import { Stay } from './stay.ts';

it('counts for the accelerator what a job held it, not what came after', () => {
  let now = 0;
  const held: number[] = [];
  const hooks = { onOutcome: (_outcome: unknown, _status: unknown, heldMs: number) => void held.push(heldMs) };
  const status = { id: 'a', attempt: 1 } as JobStatus;
  const begin = () => {
    now = 0;
    return new Stay({ lane: 'generate', hooks, logger: silentLogger }, { now: () => now }, status, undefined);
  };
  const freed = { type: 'device.freed', job: 'a' } as const;
  const plain = begin();
  now = 7;
  plain.leave('handed-over', status);
  const left = begin();
  now = 4;
  left.listen(freed);
  now = 7;
  left.leave('handed-over', status);
  // The process died in the middle of it, and the stage began anew.
  const again = begin();
  now = 4;
  again.listen(freed);
  again.listen({ type: 'stage.started', job: 'a', stage: 'decode' });
  now = 7;
  again.leave('returned', status);
  expect(held).toEqual([7, 4, 7]);
});
