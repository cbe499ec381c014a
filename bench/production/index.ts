/**
 * What production costs beside the stages: jobs a second and requests a job through S3 and SQS, the overhead of a
 * 10 s job against a bare loop over the same stages, and how soon another worker goes on.
 *
 *     npm run bench -- production [jobs=5000] [--save]
 *
 * Servers are the test servers, on this machine too: they cost more processor time than the worker. Stages are the
 * light ones of the chaos tests, in the real runner over real checkpoints.
 */
import { startAwsServers } from '../../.ci/aws/servers.ts';
import type { BenchReport } from '../report.ts';
import { type Form, measureCached, measureComputed, measureOverhead, measureResume } from './measures.ts';
import { dollarsPerThousand, type RequestsPerJob } from './requests.ts';

const JOBS = '5000';
/** What a job without saves in the middle may ask for, where one worker serves both lanes. */
const BUDGET = { s3: 12, sqs: 6 } as const;

/** Forms of a job that computes all its stages. Each request has its reason: docs/production.md counts them. */
const FORMS: readonly (Form & { readonly name: string; readonly s3: number })[] = [
  { name: 'one worker, object', workers: 'one', seed: 'drawn', by: 'object', taken: 'at once', s3: BUDGET.s3 },
  { name: 'one worker, message', workers: 'one', seed: 'drawn', by: 'message', taken: 'at once', s3: BUDGET.s3 },
  { name: 'one worker, object that waited', workers: 'one', seed: 'drawn', by: 'object', taken: 'later', s3: 13 },
  { name: 'one worker, object with a seed', workers: 'one', seed: 'given', by: 'object', taken: 'at once', s3: 15 },
  { name: 'two workers, object that waited', workers: 'two', seed: 'drawn', by: 'object', taken: 'later', s3: 17 },
  {
    name: 'two workers, object with a seed that waited',
    workers: 'two',
    seed: 'given',
    by: 'object',
    taken: 'later',
    s3: 20,
  },
];

export async function run(args: readonly string[]): Promise<BenchReport> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const jobs = Number(args[0] ?? JOBS);
  const servers = await startAwsServers();
  try {
    const cached = await measureCached(servers, jobs);
    const computed: { name: string; limit: number; requests: RequestsPerJob; dollars: number }[] = [];
    for (const { name, s3, ...form } of FORMS) {
      const requests = await measureComputed(servers, form);
      computed.push({ name, limit: s3, requests, dollars: dollarsPerThousand(requests) });
    }
    const overhead = await measureOverhead(servers);
    const killed = await measureResume(servers, 'SIGKILL', 30);
    const told = await measureResume(servers, 'SIGTERM', 30);
    return {
      rows: [
        { figure: 'cached jobs a second', value: cached.jobsPerSecond },
        { figure: 'the same requests with nothing around them, a second', value: cached.bareRequestsJobsPerSecond },
        { figure: 'S3 requests a cached job', value: cached.requests.s3 },
        { figure: 'SQS requests a cached job', value: cached.requests.sqs },
        { figure: 'dollars for 1,000 cached jobs', value: cached.dollars },
        ...computed.flatMap(({ name, requests, dollars }) => [
          { figure: `all stages computed, ${name}: S3 requests`, value: requests.s3 },
          { figure: `all stages computed, ${name}: SQS requests`, value: requests.sqs },
          { figure: `all stages computed, ${name}: dollars for 1,000 jobs`, value: dollars },
        ]),
        { figure: 'overhead of a 10 s job, share', value: overhead.share },
        { figure: 'seconds from SIGKILL to the next step, lease 30 s', value: killed },
        { figure: 'seconds from SIGTERM to the next step', value: told },
      ],
      goals: [
        { name: 'S3 requests a cached job', value: cached.requests.s3, limit: BUDGET.s3 },
        { name: 'SQS requests a cached job', value: cached.requests.sqs, limit: BUDGET.sqs },
        ...computed.flatMap(({ name, limit, requests }) => [
          { name: `S3 requests, all stages computed, ${name}`, value: requests.s3, limit },
          { name: `SQS requests, all stages computed, ${name}`, value: requests.sqs, limit: BUDGET.sqs },
        ]),
        { name: 'overhead of a 10 s job against a bare loop', value: overhead.share, limit: 0.05 },
        { name: 'seconds from SIGTERM to the next step elsewhere', value: told, limit: 5 },
        { name: 'seconds from SIGKILL to the next step elsewhere, lease 30 s', value: killed, limit: 40 },
      ],
      figures: {
        jobs,
        cached,
        computed,
        overhead,
        seconds_after_kill: killed,
        seconds_after_hand_back: told,
      },
    };
  } finally {
    await servers.stop();
  }
}
