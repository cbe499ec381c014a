/** The commands, their options and their help. What a command does is loaded when it runs. */
import { Command, CommanderError } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import { addDispatch, addDoctor, addModels } from './program-operations.ts';
import type { Run } from './run.ts';

const EXIT_HELP = `
Exit codes: 0 done, 1 failed, 2 wrong options, settings or job input, 130 stopped by Ctrl-C, 143 by SIGTERM.
Settings: ESPALIER_STORE, TRELLIS_MODEL_PATH, HF_HOME, ESPALIER_DEVICE, ESPALIER_THREADS, MAX_JOBS,
ESPALIER_LOG_LEVEL; options come before them. See docs/job.md.`;

const STORE = 'bucket that keeps jobs, checkpoints and results: a folder, or s3://bucket/prefix';

/** Runs the command line. @param args without node and script */
export async function runCli(io: CliIo, args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const json = args.includes('--json');
  const run = async (work: () => Promise<ExitCode>) => {
    code = await work();
  };
  const program = buildProgram(io, run);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { reportFailure } = await import('./failures.ts');
    return reportFailure(io, thrown, json);
  }
}

function buildProgram(io: CliIo, run: Run): Command {
  const program = new Command('espalier')
    .description('Text to textured 3D assets (GLB): TRELLIS, on this machine or by workers on a bucket.')
    .addHelpText('after', EXIT_HELP);
  addGenerate(program, io, run);
  addWorker(program, io, run);
  addServe(program, io, run);
  addBucket(program, io, run);
  addQueues(program, io, run);
  addModels(program, io, run);
  addDispatch(program, io, run);
  addParity(program, io, run);
  addDoctor(program, io, run);
  program
    .command('demo')
    .description('make one asset with the bundled model, into ./espalier-out')
    .option('--store <store>', `${STORE} (default: ESPALIER_STORE, else a folder in the user cache)`)
    .option('--model <folder>', 'model in the published layout')
    .action((options) => run(async () => (await import('./commands/demo.ts')).demo(io, options)));
  for (const command of [program, ...everyCommand(program)]) {
    command.exitOverride().configureOutput({ writeOut: io.out, writeErr: io.err }).showHelpAfterError('(see --help)');
  }
  return program;
}

function everyCommand(parent: Command): Command[] {
  return parent.commands.flatMap((command) => [command, ...everyCommand(command)]);
}

function withJob(command: Command): Command {
  return command
    .argument('[prompt]', 'what to make, up to 1,000 characters')
    .option('--seed <integer>', '0 to 4294967295; the same seed makes the same asset (default: random)')
    .option('--simplify <share>', 'share of faces to remove, 0.0 to 1.0 (default: 0.95)')
    .option('--texture-size <pixels>', 'edge of the texture, 128 to 4096 (default: 1024)')
    .option('--target-faces <count>', 'faces to keep, instead of a share to remove')
    .option(
      '--bake-from <source>',
      'gaussians (default, where the model gives any) or vertices: where colours come from',
    )
    .option('--outputs <names>', 'files to make beside model.glb, with commas between them; docs/job.md names them all')
    .option('--turntable', 'also make turntable.webp: twelve pictures all around, side by side')
    .option('--job <file>', 'job file with any field of docs/job.md; the other options override it');
}

function withStore(command: Command): Command {
  return command
    .option('--store <store>', `${STORE} (default: ESPALIER_STORE, else a folder in the user cache)`)
    .option('--json', 'print JSON on standard output, and nothing else there');
}

function withModel(command: Command): Command {
  return command
    .option('--model <model>', 'folder, or name of a pulled model (default: TRELLIS_MODEL_PATH, else the bundled one)')
    .option('--device <name>', 'auto, cuda or cpu');
}

function addGenerate(program: Command, io: CliIo, run: Run): void {
  withModel(withStore(withJob(program.command('generate').description('make an asset from a prompt, here and now'))))
    .option('--out <folder>', 'folder for model.glb, stats.json and other outputs (default: espalier-out/<id>)')
    .addHelpText(
      'after',
      `
Examples:
  espalier generate "A wooden treasure chest" --seed 42
  espalier generate "A wooden treasure chest" --seed 42 --simplify 0.95 --texture-size 1024 --out chest
  espalier generate "A wooden treasure chest" --seed 42 --texture-size 2048   only the CPU stages run again
  espalier generate "A wooden treasure chest" --seed 42 --outputs glb-webp-meshopt,ply,obj,preview --turntable
  espalier generate --job chest.json --json | jq .stats.face_count

What is done is kept in the store: a run that was stopped goes on from there when it is started again.${EXIT_HELP}`,
    )
    .action((prompt, options) =>
      run(async () => (await import('./commands/generate.ts')).generate(io, prompt, options)),
    );
}

function addWorker(program: Command, io: CliIo, run: Run): void {
  withModel(withStore(program.command('worker').description("do the jobs that are dropped into the bucket's jobs/")))
    .option('--once', 'do what is there, then end')
    .option('--lanes <names>', 'serve queues: some of generate,finish,notify (default with queues: generate,finish)')
    .addHelpText(
      'after',
      `
Examples:
  espalier worker --store ./bucket
  mkdir -p bucket/jobs && echo '{"prompt": "A wooden treasure chest"}' > bucket/jobs/chest.json
  espalier worker --store ./bucket --once

Results come to results/<id>/, reasons of refused jobs to rejected/<id>.json, states to status/<id>.json.
Logs are JSON lines on standard error. With --json the record of each job that ends is a line on standard output.
Ctrl-C and SIGTERM save and hand the job back for any worker; a worker that serves then ends with 0.${EXIT_HELP}`,
    )
    .action((options) => run(async () => (await import('./commands/worker.ts')).worker(io, options)));
}

function addServe(program: Command, io: CliIo, run: Run): void {
  withModel(withStore(program.command('serve').description('the HTTP API and the web console, with a worker')))
    .option('--host <address>', 'address to listen on; others than this machine need API keys (default: 127.0.0.1)')
    .option('--port <number>', 'port to listen on, 0 for any that is free (default: 8000)')
    .option('--no-worker', 'leave the jobs to other processes on the same bucket')
    .option('--new-key <name>', 'make an API key of this name, and end')
    .addHelpText(
      'after',
      `
Examples:
  espalier serve                                              then open http://127.0.0.1:8000
  espalier serve --store ./bucket --port 8080
  ESPALIER_API_KEYS=$(espalier serve --new-key me) espalier serve --host 0.0.0.0

Webhooks are told by this process, unless ESPALIER_QUEUE_NOTIFY names an SQS queue: ESPALIER_WEBHOOK_SECRET signs them,
ESPALIER_WEBHOOK_ALLOW and ESPALIER_WEBHOOK_HTTP widen where they may go. ESPALIER_PUBLIC_URL is where callers reach this server.

See docs/api.md.${EXIT_HELP}`,
    )
    .action((options: { worker: boolean }) =>
      // Commander sets true where the flag is absent: then the settings decide.
      run(async () => {
        const { worker, ...rest } = options;
        return (await import('./commands/serve.ts')).serve(io, { ...rest, ...(!worker && { worker }) });
      }),
    );
}

function addBucket(program: Command, io: CliIo, run: Run): void {
  const jobs = () => import('./commands/jobs.ts');
  withStore(withJob(program.command('submit').description('put a job into the bucket, for a worker')))
    .option('--id <id>', 'name of the job; a second one of that name is refused')
    .option('--from <id>', 'take prompt, seed and sampler of that job, and its checkpoints: only the finish is new')
    .addHelpText(
      'after',
      `
Examples:
  espalier submit "A wooden treasure chest" --id chest
  espalier submit --from chest --texture-size 2048${EXIT_HELP}`,
    )
    .action((prompt, options) => run(async () => (await jobs()).submit(io, prompt, options)));
  withStore(program.command('status <id>').description('tell where a job is')).action((id, options) =>
    run(async () => (await jobs()).status(io, id, options)),
  );
  withStore(program.command('watch <id>').description('follow a job to its end; exit code 0 if it succeeds')).action(
    (id, options) => run(async () => (await jobs()).watch(io, id, options)),
  );
  withStore(program.command('cancel <id>').description('end a job at its next step; its checkpoints stay')).action(
    (id, options) => run(async () => (await jobs()).cancel(io, id, options)),
  );
}

function addQueues(program: Command, io: CliIo, run: Run): void {
  const queues = () => import('./commands/queues.ts');
  program
    .command('redrive <queue>')
    .description("send a queue's dead letters back to work: generate, finish or notify")
    .option('--max <count>', 'no more than this many (default: as many as are there)')
    .option('--json', 'print JSON on standard output, and nothing else there')
    .action((queue, options) => run(async () => (await queues()).redriveQueue(io, queue, options)));
  const webhooks = program.command('webhooks').description('what became of telling webhooks');
  withStore(webhooks.command('replay').description('tell again what was given up, under the same webhook ids'))
    .option('--job <id>', 'only those of this job')
    .option('--delivered', 'also those that were delivered')
    .action((options) => run(async () => (await queues()).replayWebhooks(io, options)));
}

function addParity(program: Command, io: CliIo, run: Run): void {
  program
    .command('parity <folder>')
    .description('run the recorded cases of a goldens folder through the networks and compare every tensor')
    .option('--device <name>', 'auto, cuda or cpu')
    .option('--json', 'print JSON on standard output, and nothing else there')
    .addHelpText('after', '\nExample:\n  espalier parity packages/trellis/test/goldens\n')
    .action((folder, options) => run(async () => (await import('./commands/parity.ts')).parity(io, folder, options)));
}
