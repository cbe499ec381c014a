/** Where models come from: the variables that Hugging Face's own programs read, and the mirror. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidSetting, parseStore, type Settings, type StoreLocation } from '@espalier/contracts';
import { fromCwd } from './context.ts';
import type { CliIo } from './io.ts';

export interface HubSettings {
  /** `HF_ENDPOINT`. @defaultValue https://huggingface.co */
  readonly url: string | undefined;
  /** `HF_TOKEN`, else what `hf auth login` left in `$HF_HOME/token`. */
  readonly token: string | undefined;
  /** `--from`, else `ESPALIER_MODEL_MIRROR`: a store that holds models. */
  readonly mirror: StoreLocation | undefined;
  /** `--offline`, or `HF_HUB_OFFLINE`. */
  readonly offline: boolean;
}

export interface HubOptions {
  readonly from?: string;
  readonly offline?: boolean;
}

/** @throws TerminalError SETTING_INVALID */
export async function readHubSettings(io: CliIo, settings: Settings, options: HubOptions): Promise<HubSettings> {
  const text = (name: string) => {
    const value = io.env[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const url = text('HF_ENDPOINT');
  if (url !== undefined && !/^https?:\/\/[^/]/i.test(url)) {
    throw invalidSetting('HF_ENDPOINT', url, 'give an https address');
  }
  const saved = async () =>
    readFile(join(settings.huggingFaceHome, 'token'), 'utf8').then(
      (content) => content.trim() || undefined,
      () => undefined,
    );
  const mirror = text('ESPALIER_MODEL_MIRROR');
  return {
    url,
    token: text('HF_TOKEN') ?? (await saved()),
    mirror:
      options.from !== undefined
        ? parseStore(fromCwd(io, options.from), '--from')
        : mirror === undefined
          ? undefined
          : parseStore(fromCwd(io, mirror), 'ESPALIER_MODEL_MIRROR'),
    offline: options.offline === true || /^(1|true|yes|on)$/i.test(text('HF_HUB_OFFLINE') ?? ''),
  };
}
