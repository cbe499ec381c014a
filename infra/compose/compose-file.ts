/** As much of docker-compose.yml as it takes to start its services as processes. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const Words = z.array(z.string());

const ServiceSchema = z.looseObject({
  image: z.string(),
  entrypoint: Words.optional(),
  command: Words.optional(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: Words.default([]),
});
export type ComposeService = z.output<typeof ServiceSchema>;

const ComposeSchema = z.looseObject({ services: z.record(z.string(), ServiceSchema) });

export const COMPOSE_FILE = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url));

/** @returns the services by name, with merged keys in place. @throws Error what is not as expected */
export async function readCompose(): Promise<Readonly<Record<string, ComposeService>>> {
  return ComposeSchema.parse(parse(await readFile(COMPOSE_FILE, 'utf8'), { merge: true })).services;
}

/** `v1.8.0` of `versity/versitygw:v1.8.0`. */
export function tagOf({ image }: ComposeService): string {
  return image.slice(image.indexOf(':') + 1);
}

/** @throws Error the file has no such service */
export function serviceOf(services: Readonly<Record<string, ComposeService>>, name: string): ComposeService {
  const service = services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service '${name}'`);
  return service;
}
