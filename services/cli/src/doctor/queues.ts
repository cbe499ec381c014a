/** The queues that are named: whether they are there, may be used, and have a place for dead letters. */
import type { QueueLocation } from '@espalier/contracts';
import { ensureError } from '@espalier/contracts';
import type { SqsFacts } from '@espalier/queue';
import { broken, brokenBy, type Finding, ok, skipped, warning } from './finding.ts';

export interface QueueDeps {
  readonly inspect: (url: string) => Promise<SqsFacts>;
}

const GRANT =
  'grant sqs:SendMessage, ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueAttributes and GetQueueUrl';

/** @param queues by the variable that names them */
export async function checkQueues(
  queues: Readonly<Record<string, QueueLocation>>,
  deps: QueueDeps,
): Promise<Finding[]> {
  const named = Object.entries(queues).flatMap(([variable, location]) =>
    location.kind === 'sqs' ? [{ variable, url: location.url }] : [],
  );
  if (named.length === 0) {
    return [
      skipped(
        'queues',
        'none is named: jobs are found by watching the bucket',
        'set ESPALIER_QUEUE_GENERATE, _FINISH and _NOTIFY for a fleet',
      ),
    ];
  }
  const findings: Finding[] = [];
  for (const { variable, url } of named) {
    const check = `queue.${variable.replace('ESPALIER_QUEUE_', '').toLowerCase().replaceAll('_', '-')}`;
    try {
      const facts = await deps.inspect(url);
      findings.push(ok(check, `${url}: ${facts.visible} waiting, ${facts.inFlight} in work`));
      if (facts.denied.length > 0) {
        findings.push(broken(`${check}.permissions`, `this identity may not ${facts.denied.join(', ')}`, GRANT));
      }
      if (facts.deadLetterUrl === undefined) {
        findings.push(
          broken(
            `${check}.dead-letters`,
            'it has no dead-letter queue',
            'give it a redrive policy with maxReceiveCount 10',
          ),
        );
      } else if ((facts.deadLetters ?? 0) > 0) {
        findings.push(
          warning(
            `${check}.dead-letters`,
            `${facts.deadLetters} dead letters`,
            `see dead-letters/ in the bucket for the reasons, then: espalier redrive ${check.slice('queue.'.length)}`,
          ),
        );
      }
    } catch (thrown) {
      findings.push(brokenBy(check, ensureError(thrown), `correct ${variable}`));
    }
  }
  return findings;
}
