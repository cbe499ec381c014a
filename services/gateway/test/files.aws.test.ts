import { randomUUID } from 'node:crypto';
import { openS3Store } from '@espalier/storage';
import { inject } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { describeFileServing } from './file-serving.ts';

const endpoint = inject('awsEndpoint');

describeFileServing('S3', async () => {
  const bucket = `files-${randomUUID()}`;
  await awsAdmin(endpoint).createBucket(bucket);
  const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
  const store = await openS3Store(`s3://${bucket}/results-of-a-team`, { endpoint, client });
  return { store, dispose: async () => {} };
});
