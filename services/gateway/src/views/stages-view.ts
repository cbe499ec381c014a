/** Where a job stands, stage by stage. */
import { isTerminal, type JobStats, STAGES, type StageName, type StatusEvent } from '@espalier/contracts';
import type { JobRecord } from '../jobs/job-records.ts';
import type { StageView } from '../schemas/jobs.ts';

/** @param now milliseconds since the epoch, for the seconds of the stage at work */
export function stagesView(record: JobRecord, stats: JobStats | undefined, now: number): StageView[] {
  if (stats !== undefined) return STAGES.map((name) => measured(name, stats));
  const { status, state } = record;
  const reached = status?.stage === undefined ? -1 : STAGES.indexOf(status.stage);
  return STAGES.map((name, index): StageView => {
    const seconds = secondsIn(name, status?.events ?? [], now, state === 'running');
    const timed = seconds !== undefined && { seconds };
    if (state === 'succeeded' || index < reached) return { name, state: 'done', ...timed };
    if (index > reached || status === undefined) return { name, state: 'pending' };
    const counted = {
      ...(status.step !== undefined && { step: status.step }),
      ...(status.steps !== undefined && { steps: status.steps }),
    };
    const here = isTerminal(state) ? 'stopped' : state === 'running' ? 'running' : 'pending';
    return { name, state: here, ...counted, ...timed };
  });
}

function measured(name: StageName, stats: JobStats): StageView {
  const stage = stats.stages[name];
  if (stage === undefined) return { name, state: 'done' };
  return {
    name,
    state: stage.cached ? 'cached' : 'done',
    seconds: stage.seconds,
    ...(stage.steps !== undefined && { step: stage.steps, steps: stage.steps }),
    ...(stage.resumed_from_step !== undefined && { resumed_from_step: stage.resumed_from_step }),
  };
}

/** From the last entry into the stage to the entry after it. */
function secondsIn(name: StageName, events: readonly StatusEvent[], now: number, running: boolean): number | undefined {
  const first = events.findLastIndex((event, index) => event.stage === name && events[index - 1]?.stage !== name);
  const start = events[first];
  if (start === undefined) return undefined;
  const next = events.slice(first + 1).find((event) => event.stage !== name || event.state !== start.state);
  const end = next === undefined ? (running ? now : Date.parse(events.at(-1)?.at ?? start.at)) : Date.parse(next.at);
  return Math.max(0, (end - Date.parse(start.at)) / 1000);
}
