import { expect, it } from 'vitest';
import { ParentChannel } from './parent-channel.ts';
import type { Reply } from './protocol.ts';

it('is empty when everything that was said has left', async () => {
  const posted: { reply: Reply; left: () => void }[] = [];
  const parent = new ParentChannel((reply, left) => void posted.push({ reply, left }));
  await parent.emptied();
  const replies: Reply[] = [
    { kind: 'step', id: 0, step: 1, steps: 2 },
    { kind: 'device_free', id: 0 },
  ];
  for (const reply of replies) parent.send(reply);
  expect(posted.map(({ reply }) => reply)).toEqual(replies);
  const events: string[] = [];
  const emptied = parent.emptied().then(() => events.push('empty'));
  posted[0]?.left();
  await new Promise(setImmediate);
  events.push('one left');
  posted[1]?.left();
  await emptied;
  expect(events).toEqual(['one left', 'empty']);
  await parent.emptied();
});
