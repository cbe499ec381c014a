/**
 * A process that races: opens a bucket, then does what it is told line by line.
 *
 *   node racer.ts <module whose default export opens a store> <its argument>
 */
import { createInterface } from 'node:readline';
import type { ObjectStore } from '../src/index.ts';

export type RacerOrder =
  | { readonly kind: 'create'; readonly key: string; readonly writers: number; readonly name: string }
  | {
      readonly kind: 'replace';
      readonly key: string;
      readonly writers: number;
      readonly name: string;
      readonly etag: string;
    }
  | {
      readonly kind: 'count';
      readonly key: string;
      readonly writers: number;
      readonly name: string;
      readonly adds: number;
    }
  | { readonly kind: 'churn'; readonly key: string; readonly size: number; readonly name: string };

export interface RacerReport {
  /** Names of the writers whose write was taken. */
  readonly winners: readonly string[];
}

const [module = '', argument = ''] = process.argv.slice(2);
const { default: open } = (await import(module)) as { default: (argument: string) => Promise<ObjectStore> };
const store = await open(argument);
process.stdout.write('ready\n');

for await (const line of createInterface({ input: process.stdin })) {
  const winners = await run(JSON.parse(line) as RacerOrder);
  process.stdout.write(`${JSON.stringify({ winners } satisfies RacerReport)}\n`);
}

async function run(order: RacerOrder): Promise<string[]> {
  if (order.kind === 'churn') {
    for (let value = 0; ; value = (value + 1) % 256) await store.put(order.key, new Uint8Array(order.size).fill(value));
  }
  const names = Array.from({ length: order.writers }, (_unused, index) => `${order.name}-${index}`);
  const won = await Promise.all(names.map((name) => write(order, name)));
  return names.filter((_name, index) => won[index]);
}

async function write(order: Exclude<RacerOrder, { kind: 'churn' }>, name: string): Promise<boolean> {
  const body = new TextEncoder().encode(name);
  if (order.kind === 'create') return (await store.put(order.key, body, { ifNoneMatch: '*' })).written;
  if (order.kind === 'replace') return (await store.put(order.key, body, { ifMatch: order.etag })).written;
  for (let added = 0; added < order.adds; ) {
    const seen = await store.get(order.key);
    if (seen === undefined) throw new Error(`${order.key} is gone`);
    const next = new TextEncoder().encode(String(Number(new TextDecoder().decode(seen.body)) + 1));
    if ((await store.put(order.key, next, { ifMatch: seen.etag })).written) added += 1;
  }
  return true;
}
