/**
 * What each lane may do, and nothing else: no lane may delete a job or replace one, read what lies outside its prefixes,
 * or take messages of another lane's queue.
 */
import {
  CANCEL_PREFIX,
  CHECKPOINTS_PREFIX,
  DEAD_LETTERS_PREFIX,
  DISPATCH_PREFIX,
  JOBS_PREFIX,
  PROBE_PREFIX,
  REJECTED_PREFIX,
  RESULTS_PREFIX,
  STATUS_PREFIX,
  SWEEP_KEY,
  WEBHOOKS_PREFIX,
} from '@espalier/storage';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { AssetStore } from './asset-store.ts';
import type { LaneQueue } from './lane-queue.ts';

/** A mirror of weights, as `espalier models push` writes it. */
export const MODELS_PREFIX = 'models/';

interface KeyAccess {
  /** Patterns of keys below the store's prefix. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Only where nothing is yet. */
  readonly create: readonly string[];
  readonly delete: readonly string[];
  readonly list: readonly string[];
}

const PROBE = `${PROBE_PREFIX}*`;

/** Both lanes that work on jobs: either may find a job at any of its ends, and either sweeps. */
const WORK: KeyAccess = {
  read: [
    `${JOBS_PREFIX}*`,
    `${STATUS_PREFIX}*`,
    `${CANCEL_PREFIX}*`,
    `${CHECKPOINTS_PREFIX}*`,
    `${RESULTS_PREFIX}*`,
    SWEEP_KEY,
    PROBE,
  ],
  write: [
    `${STATUS_PREFIX}*`,
    `${CHECKPOINTS_PREFIX}*`,
    `${RESULTS_PREFIX}*`,
    `${REJECTED_PREFIX}*`,
    `${DEAD_LETTERS_PREFIX}*`,
    SWEEP_KEY,
    PROBE,
  ],
  // A job that came in a message.
  create: [`${JOBS_PREFIX}*`],
  delete: [
    `${CANCEL_PREFIX}*`,
    `${CHECKPOINTS_PREFIX}*.partial.safetensors`,
    `${RESULTS_PREFIX}*/stats.json`,
    `${REJECTED_PREFIX}*`,
    PROBE,
  ],
  list: [`${JOBS_PREFIX}*`, `${STATUS_PREFIX}*`],
};

const KEYS: Readonly<Record<'generate' | 'finish' | 'notify', KeyAccess>> = {
  generate: WORK,
  finish: WORK,
  notify: {
    read: [`${JOBS_PREFIX}*`, `${STATUS_PREFIX}*`, `${RESULTS_PREFIX}*`, `${WEBHOOKS_PREFIX}*`, PROBE],
    write: [`${WEBHOOKS_PREFIX}*`, `${DEAD_LETTERS_PREFIX}*`, PROBE],
    create: [],
    delete: [PROBE],
    list: [`${WEBHOOKS_PREFIX}*`],
  },
};

export type Lane = keyof typeof KEYS;

/** What a lane may do in the bucket. */
export function bucketStatements({ bucket, prefix }: AssetStore, lane: Lane): PolicyStatement[] {
  const keys = KEYS[lane];
  const objects = (patterns: readonly string[]) => patterns.map((key) => bucket.arnForObjects(`${prefix}${key}`));
  const statements = [
    new PolicyStatement({ sid: 'Read', actions: ['s3:GetObject'], resources: objects(keys.read) }),
    new PolicyStatement({
      sid: 'Write',
      actions: ['s3:PutObject', 's3:AbortMultipartUpload'],
      resources: objects(keys.write),
    }),
    new PolicyStatement({ sid: 'Delete', actions: ['s3:DeleteObject'], resources: objects(keys.delete) }),
    // Without the right to list, S3 answers 403 instead of 404 for what is not there. Reading a key sends no prefix,
    // hence IfExists; listings of Espalier's always send one.
    new PolicyStatement({
      sid: 'List',
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: { StringLikeIfExists: { 's3:prefix': keys.list.map((key) => `${prefix}${key}`) } },
    }),
  ];
  if (keys.create.length > 0) {
    statements.push(
      new PolicyStatement({
        sid: 'Create',
        actions: ['s3:PutObject'],
        resources: objects(keys.create),
        // The request must carry If-None-Match, so it can never replace anything.
        conditions: { Null: { 's3:if-none-match': 'false' } },
      }),
    );
  }
  return statements;
}

/** The dispatcher's notes of what RunPod has. */
export const dispatchStatements = (store: AssetStore): PolicyStatement[] =>
  onKeys(store, 'Dispatch', `${DISPATCH_PREFIX}*`, ['s3:GetObject', 's3:PutObject', 's3:DeleteObject']);

/** Read access to a mirror of weights: it is asked for keys by name only. */
export const modelStatements = (store: AssetStore): PolicyStatement[] =>
  onKeys(store, 'Weights', `${MODELS_PREFIX}*`, ['s3:GetObject']);

/** What a machine that runs no networks reads of a mirror: `espalier.model.json` of each model, and no weights. */
export const factsStatements = (store: AssetStore): PolicyStatement[] =>
  onKeys(store, 'Model', `${MODELS_PREFIX}*/espalier.model.json`, ['s3:GetObject']);

function onKeys({ bucket, prefix }: AssetStore, sid: string, keys: string, actions: string[]): PolicyStatement[] {
  return [new PolicyStatement({ sid, actions, resources: [bucket.arnForObjects(`${prefix}${keys}`)] })];
}

export interface LaneQueues {
  readonly generate: LaneQueue;
  readonly finish: LaneQueue;
  readonly notify: LaneQueue;
}

/** What a lane may do with queues: take from its own, announce to those after it, bury what cannot be read. */
export function queueStatements(queues: LaneQueues, lane: Lane): PolicyStatement[] {
  const own = queues[lane];
  // A role may serve two lanes, and its statements' names must differ.
  const named = `${lane.slice(0, 1).toUpperCase()}${lane.slice(1)}`;
  // Either working lane hands a job to the other, sweeps the bucket for both, and tells of a job's end.
  const targets = lane === 'notify' ? [queues.notify] : [queues.generate, queues.finish, queues.notify];
  const arns = (from: readonly { readonly queueArn: string }[]) => from.map(({ queueArn }) => queueArn);
  return [
    new PolicyStatement({
      sid: `Take${named}`,
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'],
      resources: [own.queue.queueArn],
    }),
    new PolicyStatement({
      sid: `Announce${named}`,
      actions: ['sqs:SendMessage', 'sqs:GetQueueAttributes'],
      resources: arns(targets.map(({ queue }) => queue)),
    }),
    new PolicyStatement({
      sid: `Bury${named}`,
      actions: ['sqs:SendMessage', 'sqs:GetQueueUrl'],
      resources: [own.deadLetters.queueArn],
    }),
  ];
}
