/** Gives a suite the server that it is to talk to: one that the environment names, or the compose file's, started for it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { Server } from './servers.ts';

/**
 * @param given endpoint of a server that runs already
 * @param start starts one that keeps what it holds in a folder
 * @returns what ends it
 */
export async function provideServer(
  project: TestProject,
  given: string | undefined,
  start: (folder: string) => Promise<Server>,
): Promise<() => Promise<void>> {
  if (given !== undefined) {
    project.provide('awsEndpoint', given);
    return async () => {};
  }
  const folder = await mkdtemp(join(tmpdir(), 'espalier-compose-'));
  const server = await start(folder);
  project.provide('awsEndpoint', server.endpoint);
  return async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  };
}
