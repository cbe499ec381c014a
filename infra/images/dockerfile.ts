/** Reads a Dockerfile as far as ours go: stages, and their steps with continued lines joined. */

export interface Step {
  readonly instruction: string;
  readonly text: string;
}

export interface StageOfImage {
  readonly name: string;
  readonly from: string;
  readonly steps: readonly Step[];
}

/** @returns the stages in order; build arguments before the first stage are its defaults */
export function parseDockerfile(text: string): {
  readonly args: Readonly<Record<string, string>>;
  readonly stages: readonly StageOfImage[];
} {
  const args: Record<string, string> = {};
  const stages: { name: string; from: string; steps: Step[] }[] = [];
  const logical = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  for (const line of logical) {
    const [, instruction = '', rest = ''] = /^\s*([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (instruction === '') continue;
    const stage = stages.at(-1);
    if (instruction === 'FROM') {
      const [, from = '', name = ''] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
      stages.push({ name, from, steps: [] });
    } else if (stage !== undefined) stage.steps.push({ instruction, text: rest });
    else if (instruction === 'ARG') {
      const [key = '', value = ''] = rest.split('=');
      args[key] = value;
    }
  }
  return { args, stages };
}

/** Sources of a COPY from the build context; none for one from another stage. */
export function copySources({ instruction, text }: Step): string[] {
  if (instruction !== 'COPY' || text.includes('--from=')) return [];
  return text
    .split(/\s+/)
    .filter((word) => !word.startsWith('--'))
    .slice(0, -1);
}
