/** The dispatcher's settings, from environment variables. */
import { type Environment, invalidSetting } from '@espalier/contracts';

export interface DispatcherSettings {
  /** `ESPALIER_RUNPOD_ENDPOINT`: the endpoint's id, as its URL has it. */
  readonly endpointId: string;
  /** `RUNPOD_API_KEY`. */
  readonly apiKey: string;
  /** `ESPALIER_RUNPOD_URL`. @defaultValue https://api.runpod.ai/v2 */
  readonly url: string;
  /** `ESPALIER_DISPATCH_IN_FLIGHT`: jobs that RunPod has at once. @defaultValue 10 */
  readonly inFlight: number;
  /** `ESPALIER_DISPATCH_WEBHOOK`: where RunPod reaches this process, https. Absent: it is asked for states only. */
  readonly webhook: string | undefined;
  /** `ESPALIER_DISPATCH_PORT`: where this process listens for it. @defaultValue 8080 */
  readonly port: number;
  /** `ESPALIER_DISPATCH_TIMEOUT_SECONDS`: RunPod ends a job that runs longer. @defaultValue 1800 */
  readonly timeoutSeconds: number;
}

/** @throws TerminalError SETTING_INVALID naming variable, value and remedy */
export function parseDispatcherSettings(environment: Environment): DispatcherSettings {
  const text = (name: string) => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const needed = (name: string, remedy: string) => {
    const value = text(name);
    if (value === undefined) throw invalidSetting(name, '', remedy);
    return value;
  };
  const whole = (name: string, fallback: number, least: number, most: number) => {
    const value = text(name);
    if (value === undefined) return fallback;
    if (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
    throw invalidSetting(name, value, `give a whole number from ${least} to ${most}`);
  };
  const url = (name: string, protocols: readonly string[], remedy: string) => {
    const value = text(name)?.replace(/\/+$/, '');
    if (value === undefined) return undefined;
    if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value;
    throw invalidSetting(name, value, remedy);
  };
  const endpointId = needed('ESPALIER_RUNPOD_ENDPOINT', "give the endpoint's id, as its URL has it");
  if (!/^[A-Za-z0-9_-]+$/.test(endpointId)) {
    throw invalidSetting('ESPALIER_RUNPOD_ENDPOINT', endpointId, "give the endpoint's id alone, not its URL");
  }
  return {
    endpointId,
    apiKey: needed('RUNPOD_API_KEY', 'make one in the RunPod console, with access to this endpoint only'),
    url: url('ESPALIER_RUNPOD_URL', ['https:', 'http:'], 'give a URL') ?? 'https://api.runpod.ai/v2',
    inFlight: whole('ESPALIER_DISPATCH_IN_FLIGHT', 10, 1, 1000),
    webhook: url('ESPALIER_DISPATCH_WEBHOOK', ['https:'], 'give the https URL under which RunPod reaches this process'),
    port: whole('ESPALIER_DISPATCH_PORT', 8080, 0, 65_535),
    // The bounds of RunPod's `policy.executionTimeout`.
    timeoutSeconds: whole('ESPALIER_DISPATCH_TIMEOUT_SECONDS', 1800, 5, 604_800),
  };
}
