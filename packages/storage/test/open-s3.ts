/** Opens an S3 bucket in a racing process. */
import type { ObjectStore } from '../src/index.ts';
import { parseS3Url } from '../src/s3/location.ts';
import { S3Store, type S3StoreOptions } from '../src/s3/s3-store.ts';

export interface RemoteS3 {
  readonly url: string;
  readonly endpoint: string;
}

/** What any signature will do for. */
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'testtest' };

export function openTestS3({ url, endpoint }: RemoteS3, options: S3StoreOptions = {}): S3Store {
  return new S3Store(parseS3Url(url), { endpoint, client: { credentials: CREDENTIALS }, ...options });
}

export default (argument: string): Promise<ObjectStore> =>
  Promise.resolve(openTestS3(JSON.parse(argument) as RemoteS3));
