/** Options of the deployment, from CDK context: `npx cdk deploy --all -c maxMachines=20 -c region=eu-central-1`. */
import { z } from 'zod';

/** Families with 24 GB (A10G, L4) and 48 GB (L40S); one GPU each, because a worker holds one. */
const GPU_TYPES = ['g6.xlarge', 'g6.2xlarge', 'g5.xlarge', 'g5.2xlarge', 'g6e.xlarge', 'g6e.2xlarge'];

const list = z
  .union([z.array(z.string()), z.string()])
  .transform((value) => (typeof value === 'string' ? value.split(',') : value).map((item) => item.trim()));

const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const dollars = z.coerce.number().positive();
const name = (pattern: RegExp, remedy: string) => z.string().regex(pattern, { error: remedy });

const Options = z
  .strictObject({
    /** Where everything is made. Absent: the region of whoever deploys. */
    region: name(/^[a-z]{2}(-[a-z]+)+-\d$/, 'give a region such as eu-central-1').optional(),
    /** `aws`: machines of this account. `none`: bucket, queues and alarms only, for RunPod or machines of one's own. */
    fleet: z.enum(['aws', 'none']).default('aws'),

    /** An existing bucket. Absent: a new one is made, which outlives the stack. */
    bucketName: name(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'give the bucket by its name alone').optional(),
    /** Everything lies under this prefix of the bucket. */
    storePrefix: name(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'give it without slashes at its ends').optional(),
    /** Checkpoints only save work: after this long they are not worth their storage. */
    checkpointDays: whole(1, 3650).default(30),

    /** An existing network, with `subnetIds` and `availabilityZones` in the same order. Absent: a new one. */
    vpcId: name(/^vpc-[0-9a-f]{8,17}$/, 'give vpc- and its digits').optional(),
    subnetIds: list.pipe(z.array(name(/^subnet-[0-9a-f]{8,17}$/, 'give subnet- and its digits')).min(1)).optional(),
    availabilityZones: list
      .pipe(z.array(name(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'give zones such as eu-central-1a')).min(1))
      .optional(),

    /** Share of GPU machines bought as Spot. */
    spotShare: z.coerce.number().min(0).max(1).default(1),
    minMachines: whole(0, 5000).default(0),
    maxMachines: whole(1, 5000).default(8),
    /** In the order in which On-Demand machines are bought. */
    instanceTypes: list
      .pipe(z.array(name(/^g(5|6|6e)\.\w+$/, 'give types of g5, g6 or g6e')).min(1))
      .default(GPU_TYPES),
    /** Jobs that may wait for each machine before another one is added. */
    backlogPerMachine: z.coerce.number().positive().default(4),
    /** A job that waits longer than this gets more machines, however short the queue is. */
    oldestMinutes: whole(2, 1440).default(10),
    /** Where GPU machines get weights: `mirror`, pulled onto the instance store from `models/` of the bucket; or a snapshot. */
    weights: z
      .union([z.literal('mirror'), name(/^snap-[0-9a-f]{8,17}$/, 'give mirror, or snap- and its digits')])
      .default('mirror'),
    /** Name of a published model, or Org/Repo; the mirror or snapshot holds it. */
    model: name(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'give it without slashes at its ends').default(
      'trellis-text-xlarge',
    ),

    /** What GPU machines do: with `finish` beside it, assets are finished on their own cores while the GPU goes on. */
    gpuLanes: z.enum(['generate', 'generate,finish']).default('generate'),

    /** Images in a registry. Absent: built from this checkout when it is deployed. */
    gpuImage: z.string().min(1).optional(),
    cpuImage: z.string().min(1).optional(),

    /** A RunPod endpoint to feed from the generate queue, and the secret that holds its API key. Absent: none. */
    runpodEndpoint: name(/^[A-Za-z0-9_-]+$/, "give the endpoint's id, as its URL has it").optional(),
    runpodKeySecret: name(/^[A-Za-z0-9/_+=.@-]+$/, 'give the name of a secret of Secrets Manager').optional(),
    /** Jobs that RunPod has at once. */
    runpodInFlight: whole(1, 1000).default(10),

    maxFinishTasks: whole(1, 1000).default(16),
    maxNotifyTasks: whole(1, 100).default(2),

    /** Who is told of alarms. */
    alarmEmail: z.email().optional(),
    /** For the cost of an asset: what one machine and one finishing task cost an hour. */
    gpuDollarsPerHour: dollars.default(0.4),
    finishDollarsPerHour: dollars.default(0.05),
    /** An asset that costs more than this raises an alarm. */
    maxDollarsPerAsset: dollars.default(0.02),
  })
  .refine(({ minMachines, maxMachines }) => minMachines <= maxMachines, {
    path: ['minMachines'],
    error: 'it must not be more than maxMachines',
  })
  .refine(({ vpcId, subnetIds }) => (vpcId === undefined) === (subnetIds === undefined), {
    path: ['subnetIds'],
    error: 'give it with vpcId, and neither without the other',
  })
  .refine(({ runpodEndpoint, runpodKeySecret }) => (runpodEndpoint === undefined) === (runpodKeySecret === undefined), {
    path: ['runpodKeySecret'],
    error: 'give it with runpodEndpoint, and neither without the other',
  })
  .refine(({ subnetIds, availabilityZones }) => subnetIds?.length === availabilityZones?.length, {
    path: ['availabilityZones'],
    error: 'give one zone for each of subnetIds',
  });

export type FleetConfig = z.output<typeof Options>;
/** The options as a program gives them. */
export type FleetOptions = z.input<typeof Options>;

const KNOWN = Object.keys(Options.shape);

/**
 * Reads the options among all context values. Keys of CDK's own hold a colon, a slash or an `@`.
 *
 * @throws Error naming every option at fault, its value and the remedy
 */
export function readConfig(context: Readonly<Record<string, unknown>>): FleetConfig {
  const own = Object.fromEntries(Object.entries(context).filter(([key]) => !/[@:/]/.test(key)));
  const parsed = Options.safeParse(own);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') return `unknown: ${issue.keys.join(', ')}; known are ${KNOWN.join(', ')}`;
    const option = String(issue.path[0]);
    return `${option}: '${String(own[option])}' cannot be used: ${issue.message}`;
  });
  throw new Error(`the deployment's options (cdk -c name=value) are wrong\n  ${faults.join('\n  ')}`);
}
