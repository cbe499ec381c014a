import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { newOwnerTag, ownerLife } from '../src/index.ts';

it('knows its own process as alive, and gives no tag twice', () => {
  const tag = newOwnerTag();
  expect(ownerLife(tag)).toBe('alive');
  expect(newOwnerTag()).not.toBe(tag);
});

it('knows a process that ended as dead, and one of another machine not at all', async () => {
  const [machine, , start, nonce] = newOwnerTag().split('-');
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  expect(ownerLife([machine, gone.pid, start, nonce].join('-'))).toBe('dead');
  expect(ownerLife(['0123456789ab', process.pid, start, nonce].join('-'))).toBe('unknown');
  expect(ownerLife('somebody')).toBe('unknown');
});

it.runIf(process.platform === 'linux')('tells a new process from an old one of the same number', () => {
  const [machine, pid, start, nonce] = newOwnerTag().split('-');
  expect(ownerLife([machine, pid, Number(start) - 1, nonce].join('-'))).toBe('dead');
});
