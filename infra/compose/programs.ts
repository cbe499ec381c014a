/**
 * The servers of docker-compose.yml as programs of this machine, of the very versions that its images have. Built or fetched
 * once, through the ordinary registries of Go and of Maven, into `.venv/`; environment variables name ones that are there.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KEPT = fileURLToPath(new URL('../../.venv/compose', import.meta.url));

/** Path of VersityGW. @param version as Go writes it: `v1.8.0` */
export async function versityGateway(version: string): Promise<string> {
  const given = process.env.VERSITYGW;
  if (given !== undefined) return given;
  const folder = await kept(`versitygw-${version}`, async (into) => {
    await run('go', ['install', `github.com/versity/versitygw/cmd/versitygw@${version}`], {
      env: { ...process.env, GOBIN: into, GOFLAGS: '-mod=mod' },
    });
  });
  return join(folder, 'versitygw');
}

/** Class path of ElasticMQ's server, for `java -cp`. */
export async function elasticMq(version: string): Promise<string> {
  const given = process.env.ELASTICMQ_CLASSPATH;
  if (given !== undefined) return given;
  const folder = await kept(`elasticmq-${version}`, async (into) => {
    const project = join(into, 'pom.xml');
    await writeFile(project, pom(version));
    const task = ['-q', '-f', project, 'dependency:copy-dependencies', `-DoutputDirectory=${into}`];
    await run('mvn', [...task, '-DincludeScope=runtime']);
  });
  return join(folder, '*');
}

/** A folder that appears whole or not at all. */
async function kept(name: string, fill: (into: string) => Promise<void>): Promise<string> {
  const folder = join(KEPT, name);
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const into = await mkdtemp(`${folder}.`);
  try {
    await fill(into);
    await rename(into, folder);
  } catch (error) {
    await rm(into, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

function pom(version: string): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>espalier</groupId>
  <artifactId>compose</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.elasticmq</groupId>
      <artifactId>elasticmq-server_2.13</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;
}
