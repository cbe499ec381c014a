/** The networks' tests once more, with graphs as they are written for CUDA. */
import { afterAll } from 'vitest';
import { writeForCuda } from '../../test/support/cuda-form.ts';

afterAll(writeForCuda());
await import('./slat-options.test.ts');
await import('./structure-variants.test.ts');
await import('./blocks/dense-blocks.test.ts');
