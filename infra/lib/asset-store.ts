/** The bucket that holds all truth about jobs, and its log of accesses. */

import { CHECKPOINTS_PREFIX, PROBE_PREFIX } from '@espalier/storage';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { asInterface } from './as-interface.ts';

export interface AssetStoreProps {
  /** An existing bucket: its encryption, lifecycle and policy stay its owner's. */
  readonly bucketName?: string | undefined;
  /** Without slashes at its ends. */
  readonly prefix?: string | undefined;
  readonly checkpointDays: number;
}

export class AssetStore extends Construct {
  readonly bucket: IBucket;
  /** Made here, and not somebody else's. */
  readonly isOurs: boolean;
  /** Of every key: empty, or ending in a slash. */
  readonly prefix: string;

  constructor(scope: Construct, id: string, props: AssetStoreProps) {
    super(scope, id);
    this.prefix = props.prefix === undefined ? '' : `${props.prefix}/`;
    this.bucket =
      props.bucketName === undefined
        ? asInterface<IBucket>(this.#make(props.checkpointDays))
        : Bucket.fromBucketName(this, 'Bucket', props.bucketName);
    this.isOurs = props.bucketName === undefined;
  }

  /** As `ESPALIER_STORE` wants it. */
  get url(): string {
    return `s3://${this.bucket.bucketName}${this.prefix === '' ? '' : `/${this.prefix.slice(0, -1)}`}`;
  }

  #make(checkpointDays: number): Bucket {
    const closed = {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      // Assets and their record outlive the machinery.
      removalPolicy: RemovalPolicy.RETAIN,
    };
    const accessLogs = new Bucket(this, 'AccessLogs', {
      ...closed,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_PREFERRED,
      lifecycleRules: [{ id: 'expire-logs', expiration: Duration.days(90) }],
    });
    return new Bucket(this, 'Bucket', {
      ...closed,
      // Checkpoints are content-addressed and written once, records move by compare-and-swap: old versions would only
      // be paid for.
      versioned: false,
      serverAccessLogsBucket: asInterface<IBucket>(accessLogs),
      lifecycleRules: [
        {
          id: 'expire-checkpoints',
          prefix: `${this.prefix}${CHECKPOINTS_PREFIX}`,
          expiration: Duration.days(checkpointDays),
        },
        // Left by workers that were killed while they started.
        { id: 'expire-probes', prefix: `${this.prefix}${PROBE_PREFIX}`, expiration: Duration.days(1) },
        { id: 'abort-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
    });
  }
}
