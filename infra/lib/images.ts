/** Worker images: from a registry by name, or built from this checkout when it is deployed. */
import { fileURLToPath } from 'node:url';
import { IgnoreMode } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface WorkerImage {
  readonly uri: string;
  readonly forEcs: ContainerImage;
  /** Lets a machine pull it, where that takes a right. */
  grantPull(grantee: IGrantable): void;
}

/** @param uri of an image in a registry */
export function workerImage(scope: Construct, kind: 'gpu' | 'cpu', uri: string | undefined): WorkerImage {
  if (uri !== undefined) return { uri, forEcs: ContainerImage.fromRegistry(uri), grantPull: () => {} };
  const asset = new DockerImageAsset(scope, 'Image', {
    directory: ROOT,
    file: `infra/images/${kind}/Dockerfile`,
    platform: kind === 'gpu' ? Platform.LINUX_AMD64 : Platform.LINUX_ARM64,
    ignoreMode: IgnoreMode.DOCKER,
    exclude: ['cdk.out', 'infra/lib', 'infra/bin', 'infra/test'],
  });
  return {
    uri: asset.imageUri,
    forEcs: ContainerImage.fromDockerImageAsset(asset),
    grantPull: (grantee) => void asset.repository.grantPull(grantee),
  };
}
