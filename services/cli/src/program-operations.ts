/** Commands of those who run Espalier: models, the doctor, and other machines' fleets. */
import type { Command } from 'commander';
import type { CliIo } from './io.ts';
import type { Run } from './run.ts';

const JSON_OPTION = ['--json', 'print JSON on standard output, and nothing else there'] as const;

export function addModels(program: Command, io: CliIo, run: Run): void {
  const models = program
    .command('models')
    .description('fetch models, and tell which there are and whether one is whole');
  models
    .command('list')
    .description('models that are here, and the published ones that could be; * marks the one that is taken')
    .option(...JSON_OPTION)
    .action((options) => run(async () => (await import('./commands/models.ts')).listModels(io, options)));
  models
    .command('verify [model]')
    .description('check that all parts of a model are there; of a pulled one every byte')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  espalier models verify                        the model that is taken without naming one
  espalier models verify trellis-text-xlarge
  espalier models verify models/trellis-tiny

Exit codes: 0 whole, 1 something is missing or changed, 2 no such model.`,
    )
    .action((model, options) =>
      run(async () => (await import('./commands/models.ts')).verifyModel(io, model, options)),
    );
  models
    .command('pull <model>')
    .description('fetch a model with all its parts, from the Hugging Face hub or a mirror')
    .option('--revision <name>', "branch, tag or commit of the model's own repository")
    .option('--update', 'forget which commit the last pull was pinned to')
    .option(
      '--from <store>',
      'a mirror: s3://bucket/models, or a folder (default: ESPALIER_MODEL_MIRROR, else the hub)',
    )
    .option('--parallel <count>', 'files that come at the same time, 1 to 32 (default: 4)')
    .option('--offline', 'fetch nothing: only say whether all is here (also HF_HUB_OFFLINE=1)')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  espalier models pull trellis-text-xlarge
  HF_TOKEN=hf_... espalier models pull my-org/my-trellis --revision v2
  espalier models pull trellis-text-xlarge --from s3://assets/models
  HF_HOME=/mnt/weights espalier models pull trellis-text-base --json

It lands in $HF_HOME/hub, as other Hugging Face programs would put it. A pull that broke off goes on where it was.
Which commits came, and every file's SHA-256, stands in espalier.lock.json beside them; later pulls keep to it.
Settings: HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, ESPALIER_MODEL_MIRROR. See docs/models.md.`,
    )
    .action((model, options) => run(async () => (await import('./commands/pull.ts')).pull(io, model, options)));
  models
    .command('push <model> <store>')
    .description('put a pulled model into a mirror, for machines that shall not ask the hub')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Example:
  espalier models push trellis-text-xlarge s3://assets/models

It also writes down what the model is (espalier.model.json), for finishing workers that do without its weights.`,
    )
    .action((model, store, options) =>
      run(async () => (await import('./commands/pull.ts')).push(io, model, store, options)),
    );
}

export function addDoctor(program: Command, io: CliIo, run: Run): void {
  program
    .command('doctor')
    .description('look at everything that is configured, and say what is broken and how to mend it')
    .option('--store <store>', 'bucket to look at (default: ESPALIER_STORE)')
    .option('--model <model>', 'model to look at (default: TRELLIS_MODEL_PATH, else the bundled one)')
    .option('--device <name>', 'auto, cuda or cpu')
    .option('--webhook <url>', 'a receiver to connect to; nothing is sent to it')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  espalier doctor
  espalier doctor --device cuda --model trellis-text-xlarge
  espalier doctor --json | jq '.findings[] | select(.level != "ok")'

Exit codes: 0 nothing that is configured is broken, 1 something is, 2 wrong options or settings. It writes only
what it removes again: a probe object in the store. Queues are asked for their attributes; no message is touched.`,
    )
    .action((options) => run(async () => (await import('./commands/doctor.ts')).doctor(io, options)));
}

export function addDispatch(program: Command, io: CliIo, run: Run): void {
  program
    .command('dispatch')
    .description('feed a RunPod endpoint from the generate queue')
    .option('--store <store>', 'bucket that holds the jobs (default: ESPALIER_STORE)')
    .addHelpText(
      'after',
      `
Example:
  export ESPALIER_STORE=s3://assets ESPALIER_QUEUE_GENERATE=https://sqs... ESPALIER_QUEUE_FINISH=https://sqs...
  ESPALIER_RUNPOD_ENDPOINT=abc123 RUNPOD_API_KEY=rpa_... espalier dispatch

Machines of your own may serve the same queue beside it. A job that RunPod forgets or loses is sent again; a
dispatcher that is started again goes on asking for what it sent.
SIGTERM hands the messages back at once and leaves RunPod its jobs.

Settings: ESPALIER_RUNPOD_ENDPOINT, RUNPOD_API_KEY, ESPALIER_DISPATCH_IN_FLIGHT (10 jobs),
ESPALIER_DISPATCH_TIMEOUT_SECONDS (1800), ESPALIER_DISPATCH_WEBHOOK (https URL of this process; without it
RunPod is asked every 15 s), ESPALIER_DISPATCH_PORT (8080), ESPALIER_RUNPOD_URL. See docs/deploy.md.`,
    )
    .action((options) => run(async () => (await import('./commands/dispatch.ts')).dispatch(io, options)));
}
