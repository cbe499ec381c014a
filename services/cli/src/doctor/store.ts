/** The store: what may be done in it, whether it enforces conditions, and whether its clock agrees with ours. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '@espalier/contracts';
import { canSignLinks, JOBS_PREFIX, type ObjectStore, probeConditionalWrites, probeKey } from '@espalier/storage';
import { broken, brokenBy, type Finding, ok, warning } from './finding.ts';

export interface StoreDeps {
  readonly open: () => Promise<ObjectStore>;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly leaseSeconds: number;
}

const GRANT =
  'grant s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on the bucket and its prefix, or the rights of the folder';
const LINK_SECONDS = 60;

export async function checkStore(deps: StoreDeps): Promise<Finding[]> {
  let store: ObjectStore;
  try {
    store = await deps.open();
  } catch (thrown) {
    return [brokenBy('store', thrown, 'correct ESPALIER_STORE')];
  }
  const findings: Finding[] = [ok('store', store.location)];
  const key = probeKey(`doctor-${randomUUID()}`);
  const body = new TextEncoder().encode('espalier doctor');
  const done: string[] = [];
  // The work of a worker, in the order in which one thing rests on another.
  const steps: [string, () => Promise<void>][] = [
    ['write', async () => void (await store.put(key, body))],
    ['read', async () => same((await store.get(key))?.body, body)],
    ['list', async () => void (await store.list(JOBS_PREFIX, { limit: 1 }))],
    ['conditions', () => probeConditionalWrites(store)],
    ['clock', async () => void findings.push(...(await checkClock(store, key, deps)))],
    ['delete', async () => void (await store.delete(key))],
  ];
  for (const [name, step] of steps) {
    const check = name === 'conditions' ? 'store.conditional-writes' : `store.${name}`;
    try {
      await step();
      done.push(name);
    } catch (thrown) {
      findings.push(brokenBy(check, thrown, GRANT));
      if (name === 'write') return findings; // the rest would say the same
    }
  }
  const rights = done.filter((name) => ['write', 'read', 'list', 'delete'].includes(name));
  if (rights.length > 0) findings.push(ok('store.permissions', `may ${rights.join(', ')}`));
  if (done.includes('conditions')) findings.push(ok('store.conditional-writes', 'of racing writers exactly one wins'));
  return findings;
}

/** By the `Date` of an answer of the store. A folder has our own clock. */
async function checkClock(store: ObjectStore, key: string, deps: StoreDeps): Promise<Finding[]> {
  if (!canSignLinks(store)) return [];
  const link = await store.signLink(key, LINK_SECONDS);
  const before = deps.clock.now();
  const answer = await deps.fetch(link);
  const after = deps.clock.now();
  await answer.body?.cancel();
  const date = Date.parse(answer.headers.get('date') ?? '');
  if (Number.isNaN(date)) {
    return [warning('clock', 'the store tells no time', 'see that NTP is on: chronyc tracking, or timedatectl')];
  }
  return [clockFinding((date + 500 - (before + after) / 2) / 1000, deps.leaseSeconds)];
}

/** @param skew seconds that the store is ahead; its header has whole seconds */
export function clockFinding(skew: number, leaseSeconds: number): Finding {
  const off = Math.abs(skew);
  const message = `this machine's clock is ${off.toFixed(1)} s ${skew > 0 ? 'behind' : 'ahead of'} the store's`;
  const remedy = 'set the clock by NTP, e.g. systemctl enable --now chronyd';
  // Leases are compared by clocks: off by one, work is done twice.
  if (off > leaseSeconds) return broken('clock', `${message}: more than a lease (${leaseSeconds} s)`, remedy);
  return off > leaseSeconds / 3 ? warning('clock', message, remedy) : ok('clock', message);
}

function same(found: Uint8Array | undefined, expected: Uint8Array): void {
  if (found === undefined || Buffer.compare(found, expected) !== 0)
    throw new Error('what was written does not come back');
}
