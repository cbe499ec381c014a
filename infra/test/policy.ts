/** Decides from a role's policy in a template whether a request would be allowed. */
import type { Template } from 'aws-cdk-lib/assertions';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** @param context condition keys of the request, e.g. `s3:prefix` */
export type Allowed = (
  action: string,
  resource: RegExp | string,
  context?: Readonly<Record<string, string>>,
) => boolean;

/** @param role begins the logical id of the role's policy */
export function policyOf(template: Template, role: string): Allowed {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy')).filter(([id]) => id.startsWith(role));
  const statements = policies.flatMap(([, policy]): Statement[] => policy.Properties.PolicyDocument.Statement);
  if (statements.length === 0) throw new Error(`no policy's id begins with ${role}`);
  return (action, resource, context = {}) =>
    statements.some(
      (statement) =>
        statement.Effect === 'Allow' &&
        [statement.Action].flat().includes(action) &&
        [statement.Resource].flat().some((pattern) => matches(flattenCfnReference(pattern), String(resource))) &&
        Object.entries(statement.Condition ?? {}).every(([operator, keys]) => holds(operator, keys, context)),
    );
}

function matches(pattern: string, value: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(value);
}

function holds(operator: string, keys: Readonly<Record<string, unknown>>, context: Readonly<Record<string, string>>) {
  return Object.entries(keys).every(([key, wanted]) => {
    const given = context[key];
    if (operator === 'Null') return (given === undefined) === (wanted === 'true');
    if (given === undefined) return operator.endsWith('IfExists');
    if (!operator.startsWith('StringLike')) throw new Error(`no ${operator} here`);
    return [wanted].flat().some((pattern) => matches(String(pattern), given));
  });
}
