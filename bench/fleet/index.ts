/**
 * Days of a fleet, event by event: jobs that come by chance, machines that start cold, are killed, come and go by the
 * deployment's own scaling rules. Work that is begun anew against work that goes on from checkpoints, a GPU that waits
 * for CPU work against lanes.
 *
 *     npm run bench -- fleet [seed=7] [--save]
 *
 * The same seed gives the same figures. `--save` draws docs/images/scale.svg, too.
 */
import { writeFileSync } from 'node:fs';
import type { BenchReport } from '../report.ts';
import { KILLS_PER_HOUR, PARAMETERS, POLICIES, VOLUMES } from './parameters.ts';
import { plot } from './plot.ts';
import { type Outcome, simulate } from './simulate.ts';

const SEED = 7;
const PICTURE = new URL('../../docs/images/scale.svg', import.meta.url);

export async function run(args: readonly string[]): Promise<BenchReport> {
  const seed = Number(args.find((arg) => /^\d+$/.test(arg)) ?? SEED);
  const outcomes = new Map<string, Outcome>();
  const name = (policy: string, jobsPerDay: number, weather: string) => `${policy}, ${jobsPerDay} a day, ${weather}`;
  const rows: BenchReport['rows'][number][] = [];
  for (const { jobsPerDay, days } of VOLUMES) {
    for (const [weather, killsPerHour] of Object.entries(KILLS_PER_HOUR)) {
      for (const policy of POLICIES) {
        const outcome = simulate(policy, { jobsPerDay, days, killsPerHour, seed }, PARAMETERS);
        outcomes.set(name(policy.name, jobsPerDay, weather), outcome);
        rows.push({
          'jobs a day': jobsPerDay,
          spot: weather,
          policy: policy.name,
          'done/h': Number(outcome.perHour.toPrecision(4)),
          'p50 s': Math.round(outcome.p50),
          'p99 s': Math.round(outcome.p99),
          'GPU s paid': Number(outcome.gpuPaidPerAsset.toFixed(1)),
          'GPU s work': Number(outcome.gpuBusyPerAsset.toFixed(1)),
          'wasted %': Number((outcome.wastedShare * 100).toFixed(3)),
          '$/asset': Number(outcome.dollarsPerAsset.toFixed(5)),
          machines: outcome.mostMachines,
        });
      }
    }
  }
  const of = (policy: number, jobsPerDay: number, weather: keyof typeof KILLS_PER_HOUR): Outcome => {
    const found = outcomes.get(name(POLICIES[policy]?.name ?? '', jobsPerDay, weather));
    if (found === undefined) throw new Error(`there is no policy ${policy} at ${jobsPerDay} a day`);
    return found;
  };
  const [seedPolicy, apart, together] = [0, 3, 4];
  const big = 100_000;
  if (args.includes('--save') || process.argv.includes('--save')) {
    const series = POLICIES.map((policy, index) => ({
      name: policy.name,
      outcomes: VOLUMES.map(({ jobsPerDay }) => of(index, jobsPerDay, 'storm')),
    }));
    const note = `bench/fleet, seed ${seed}, one machine in five taken back every hour; the first two scales are logarithmic`;
    writeFileSync(
      PICTURE,
      plot(
        VOLUMES.map(({ jobsPerDay }) => jobsPerDay),
        series,
        note,
      ),
    );
  }
  const ratio = (policy: number, jobsPerDay: number, what: (outcome: Outcome) => number) =>
    what(of(policy, jobsPerDay, 'storm')) / what(of(seedPolicy, jobsPerDay, 'storm'));
  return {
    rows,
    goals: [
      {
        name: 'jobs lost',
        value: [...outcomes.values()].reduce((sum, o) => sum + o.submitted - o.finished, 0),
        limit: 0,
      },
      {
        name: 'GPU seconds of work per asset over the seed, 100,000 a day',
        value: ratio(apart, big, (o) => o.gpuBusyPerAsset),
        limit: 0.55,
      },
      {
        name: 'dollars per asset over the seed, 100,000 a day',
        value: ratio(apart, big, (o) => o.dollarsPerAsset),
        limit: 0.7,
      },
      {
        name: 'share of work done again in a storm, 100,000 a day',
        value: of(apart, big, 'storm').wastedShare,
        limit: 0.002,
      },
      { name: 'seconds to the asset, p99 at 100,000 a day', value: of(apart, big, 'storm').p99, limit: 300 },
      {
        name: 'dollars per asset over the seed, 10 a day, lanes on one machine',
        value: ratio(together, 10, (o) => o.dollarsPerAsset),
        limit: 1.05,
      },
      {
        name: 'dollars per asset over the seed, 1,000 a day, lanes on one machine',
        value: ratio(together, 1000, (o) => o.dollarsPerAsset),
        limit: 1.05,
      },
    ],
    figures: { seed, parameters: PARAMETERS, kills_per_hour: KILLS_PER_HOUR, outcomes: Object.fromEntries(outcomes) },
  };
}
