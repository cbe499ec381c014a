/**
 * Imported first, it has every graph written as for CUDA, on whatever it runs then:
 *
 *     node --import tsx --import ./bench/gpu/cuda-form.ts services/cli/bin/espalier.mjs parity packages/trellis/test/goldens
 */
import { writeForCuda } from '../../packages/trellis/test/support/cuda-form.ts';

writeForCuda();
