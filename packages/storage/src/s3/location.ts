/** `s3://bucket/prefix` taken apart. */
import { invalidSetting } from '@espalier/contracts';

export interface S3Location {
  readonly bucket: string;
  /** Empty, or ends with a slash: stands before every key. */
  readonly prefix: string;
}

/** Bucket names of S3, with the upper case and underscores that older buckets and other stores allow. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/;

/**
 * @param source the variable or option it came from, for the error
 * @throws TerminalError SETTING_INVALID
 */
export function parseS3Url(url: string, source = 'ESPALIER_STORE'): S3Location {
  const match = /^s3:\/\/([^/?#]+)(?:\/(.*))?$/is.exec(url);
  const bucket = match?.[1] ?? '';
  if (!BUCKET.test(bucket)) {
    throw invalidSetting(source, url, 'give s3://bucket or s3://bucket/prefix');
  }
  const prefix = (match?.[2] ?? '').replace(/^\/+|\/+$/g, '');
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}
