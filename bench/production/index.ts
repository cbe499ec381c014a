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
import { measureCached, measureComputed, measureOverhead, measureResume } from './measures.ts';
import { dollarsPerThousand } from './requests.ts';

const JOBS = '5000';
/** Each has its reason: docs/production.md counts them. */
const COMPUTED_S3 = { given: 20, drawn: 18 } as const;

export async function run(args: readonly string[]): Promise<BenchReport> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const jobs = Number(args[0] ?? JOBS);
  const servers = await startAwsServers();
  try {
    const cached = await measureCached(servers, jobs);
    const computed = await measureComputed(servers, 'given');
    const drawn = await measureComputed(servers, 'drawn');
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
        { figure: 'S3 requests a job that computes all stages', value: computed.s3 },
        { figure: 'the same, its seed drawn by the worker', value: drawn.s3 },
        { figure: 'SQS requests a job that computes all stages', value: computed.sqs },
        { figure: 'dollars for 1,000 such jobs', value: dollarsPerThousand(computed) },
        { figure: 'overhead of a 10 s job, share', value: overhead.share },
        { figure: 'seconds from SIGKILL to the next step, lease 30 s', value: killed },
        { figure: 'seconds from SIGTERM to the next step', value: told },
      ],
      goals: [
        { name: 'S3 requests a cached job', value: cached.requests.s3, limit: 12 },
        { name: 'SQS requests a cached job', value: cached.requests.sqs, limit: 6 },
        { name: 'S3 requests a job that computes all stages', value: computed.s3, limit: COMPUTED_S3.given },
        { name: 'the same, its seed drawn by the worker', value: drawn.s3, limit: COMPUTED_S3.drawn },
        { name: 'SQS requests a job that computes all stages', value: computed.sqs, limit: 6 },
        { name: 'overhead of a 10 s job against a bare loop', value: overhead.share, limit: 0.05 },
        { name: 'seconds from SIGTERM to the next step elsewhere', value: told, limit: 5 },
        { name: 'seconds from SIGKILL to the next step elsewhere, lease 30 s', value: killed, limit: 40 },
      ],
      figures: {
        jobs,
        cached,
        computed,
        computed_seed_drawn: drawn,
        overhead,
        seconds_after_kill: killed,
        seconds_after_hand_back: told,
      },
    };
  } finally {
    await servers.stop();
  }
}
