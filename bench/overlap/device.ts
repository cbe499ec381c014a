/** Milliseconds that text-xlarge's shape held an H100, 23,816 voxels, 25 guided steps of either flow: bench/gpu/RESULTS.md. */
export const STEPS = 50;
export const STEP_MS = 66;
export const DECODE_MS = 640;
