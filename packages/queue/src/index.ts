export * from './job-queue.ts';
export * from './memory-queue.ts';
