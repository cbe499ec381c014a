/** Where webhooks must not go: an address that is refused is never connected to. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NotifierRig } from './notifier-rig.ts';

let rig: NotifierRig;
beforeEach(async () => {
  rig = await NotifierRig.start();
});
afterEach(() => rig.stop());

describe('what must not be reached', () => {
  it.each([
    ['http', { webhook: 'http://example.com/' }, { allowHttp: false, allow: [] }],
    ['loopback', {}, { allowHttp: true, allow: [] }],
    [
      'the metadata service',
      { webhook: 'http://169.254.169.254/latest/' },
      { allowHttp: true, allow: ['127.0.0.0/8'] },
    ],
    ['a name with one private address', { webhook: 'http://two.example/' }, { allowHttp: true, allow: [] }],
    ['a password', { webhook: 'http://me:secret@127.0.0.1/' }, { allowHttp: true, allow: ['127.0.0.0/8'] }],
  ])('%s is refused, and not tried again', async (_name, job, rules) => {
    const resolve = async () => [
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.7', family: 4 },
    ];
    rig.notifier = rig.makeNotifier({ sender: rig.makeSender({ ...rules, resolve }) });
    await rig.ended('succeeded', job);
    await rig.pump();
    await rig.passPumping(3600);
    expect(rig.receiver.received).toEqual([]);
    expect(await rig.deliveries()).toMatchObject([
      { state: 'refused', tries: [{ error: expect.stringMatching(/webhook/) }] },
    ]);
  });

  it('a name is connected to at the address that was checked', async () => {
    const asked: string[] = [];
    const resolve = async (name: string) => {
      asked.push(name);
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const sender = rig.makeSender({ allow: ['127.0.0.1/32'], resolve });
    rig.notifier = rig.makeNotifier({ sender });
    await rig.ended('succeeded', { webhook: `http://hooks.example:${new URL(rig.receiver.url).port}/hook` });
    await rig.pump();
    expect(rig.receiver.received[0]?.headers.host).toMatch(/^hooks\.example:/);
    expect(asked).toEqual(['hooks.example']);
  });
});
