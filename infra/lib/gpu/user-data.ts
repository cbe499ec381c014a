/** What a fresh machine runs first: it writes the files of `boot/` and two environment files, and starts the worker. */
import { readFileSync } from 'node:fs';
import { UserData } from 'aws-cdk-lib/aws-ec2';

/** Read by the scripts and units: what differs between deployments. */
export type MachineVariables = Readonly<
  Record<
    | 'AWS_REGION'
    | 'IMAGE'
    | 'LANES'
    | 'COLLECTOR_IMAGE'
    | 'LOG_GROUP'
    | 'WEIGHTS'
    | 'MODELS_URL'
    | 'MODEL'
    | 'AUTO_SCALING_GROUP'
    | 'LIFECYCLE_HOOK',
    string
  >
>;

export interface MachineFiles {
  readonly machine: MachineVariables;
  /** Environment of the worker itself. */
  readonly worker: Readonly<Record<string, string>>;
  /** The collector's configuration. */
  readonly collector: string;
}

const FILES = {
  'boot.sh': { at: '/usr/local/bin/espalier-boot', mode: '755' },
  'drain.sh': { at: '/usr/local/bin/espalier-drain', mode: '755' },
  'espalier-worker.service': { at: '/etc/systemd/system/espalier-worker.service', mode: '644' },
  'espalier-collector.service': { at: '/etc/systemd/system/espalier-collector.service', mode: '644' },
  'espalier-drain.service': { at: '/etc/systemd/system/espalier-drain.service', mode: '644' },
} as const;

/** EC2 takes no more bytes of it. */
export const USER_DATA_MAX = 16 * 1024;

export function machineUserData({ machine, worker, collector }: MachineFiles): UserData {
  const userData = UserData.forLinux();
  userData.addCommands('set -euo pipefail', 'mkdir -p /etc/espalier');
  for (const [name, { at, mode }] of Object.entries(FILES)) {
    const text = readFileSync(new URL(`boot/${name}`, import.meta.url), 'utf8');
    userData.addCommands(here(at, text), `chmod ${mode} ${at}`);
  }
  userData.addCommands(
    here('/etc/espalier/machine.env', lines(machine)),
    here('/etc/espalier/worker.env', lines(worker)),
    here('/etc/espalier/collector.json', collector),
    '/usr/local/bin/espalier-boot',
  );
  return userData;
}

/** Quoted delimiter: nothing in the text is the shell's to touch. */
function here(path: string, text: string): string {
  return `cat > ${path} <<'END_OF_FILE'\n${text.trimEnd()}\nEND_OF_FILE`;
}

function lines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');
}
