/** The largest checkpoint, at the size that the published models give: 500,000 faces, a million Gaussians. */
import { silentLogger } from '@espalier/contracts';
import type { FolderStore } from '@espalier/storage';
import type { Dtype, Tensor } from '@espalier/tensors';
import type { CheckpointContent } from '../../packages/pipeline/src/checkpoints/body.ts';
import { CheckpointStore } from '../../packages/pipeline/src/checkpoints/checkpoint-store.ts';
import type { Recipe } from '../../packages/pipeline/src/checkpoints/recipe.ts';

const VERTICES = 250_000;
const FACES = 500_000;
const GAUSSIANS = 1_000_000;

export async function measureFullSizeCheckpoint(store: FolderStore) {
  let bytes = 0;
  const checkpoints = new CheckpointStore({
    store,
    logger: silentLogger,
    onSaved: (saved) => {
      bytes = saved.bytes;
    },
  });
  const recipe: Recipe = { stage: 'decode', version: 1, modelRevision: 'bench', parameters: {}, inputs: {} };
  const content: CheckpointContent = {
    tensors: {
      positions: noise('F32', [VERTICES, 3]),
      indices: noise('I32', [FACES, 3]),
      attributes: noise('F16', [VERTICES, 6]),
      'gaussians.positions': noise('F32', [GAUSSIANS, 3]),
      'gaussians.sh0': noise('F16', [GAUSSIANS, 3]),
      'gaussians.scales': noise('F16', [GAUSSIANS, 3]),
      'gaussians.rotations': noise('F16', [GAUSSIANS, 4]),
      'gaussians.opacities': noise('F16', [GAUSSIANS]),
    },
    state: {},
  };
  const save = await timed(() => checkpoints.save(recipe, content, (found) => found));
  const find = await timed(() => checkpoints.find(recipe, (found) => found));
  return { bytes, save_seconds: save, find_seconds: find };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function noise(dtype: Extract<Dtype, 'F32' | 'I32' | 'F16'>, shape: readonly number[]): Tensor {
  const length = shape.reduce((product, extent) => product * extent, 1);
  const data = new { F32: Float32Array, I32: Int32Array, F16: Uint16Array }[dtype](length);
  for (let i = 0; i < length; i++) data[i] = (i * 31) % 4093;
  return { dtype, shape, data };
}
