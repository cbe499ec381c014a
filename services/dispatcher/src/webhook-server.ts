/**
 * Where RunPod tells that a job has ended. Its posts are not signed, so nothing they say is believed: they name a job,
 * and that job is looked at now. The path cannot be guessed, which keeps strangers from asking for looks.
 */
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type SideServer, serveBeside } from '@espalier/worker';
import { z } from 'zod';

/** The same after a restart, so that webhooks on their way still arrive. */
export function webhookPath(apiKey: string): string {
  return `/runpod/${createHmac('sha256', apiKey).update('espalier dispatcher webhook').digest('hex').slice(0, 32)}`;
}

export interface WebhookServerOptions {
  readonly path: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly host?: string;
  /** @param runpodId of the job that was named */
  readonly onJob: (runpodId: string) => void;
}

const NamedJob = z.looseObject({ id: z.string().min(1).max(200) });
/** Outputs come along and are not read; RunPod allows 20 MB. */
const BODY_MAX = 21 * 1024 * 1024;

export function serveWebhooks({ path, port, host, onJob }: WebhookServerOptions): Promise<SideServer> {
  return serveBeside(
    (request, response) => {
      if (request.method !== 'POST' || request.url?.split('?')[0] !== path) {
        request.resume();
        return void response.writeHead(404).end();
      }
      readId(request).then(
        (id) => {
          if (id !== undefined) onJob(id);
          // RunPod tries twice more unless it hears 200.
          response.writeHead(200).end();
        },
        () => response.writeHead(400).end(),
      );
    },
    port,
    host,
  );
}

async function readId(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > BODY_MAX) throw new RangeError('the body is too big');
    chunks.push(chunk);
  }
  const parsed = NamedJob.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  return parsed.success ? parsed.data.id : undefined;
}
