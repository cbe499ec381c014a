/** The weights: all parts there, readable, and fitting together. */
import { stat } from 'node:fs/promises';
import { ModelRepository } from '@espalier/trellis';
import { brokenBy, type Finding, ok } from './finding.ts';

/** From this size on a model is one that wants a GPU of the table. Bytes. */
const HEAVY = 1e9;

export async function checkModel(
  model: string,
  huggingFaceHome: string,
): Promise<{ readonly finding: Finding; readonly heavy: boolean }> {
  try {
    const repository = await ModelRepository.open(model, { huggingFaceHome });
    const text = await repository.textEncoder();
    const paths = [text.weightsPath];
    for (const network of Object.values(repository.networks)) if (network) paths.push(network.weightsPath);
    let bytes = 0;
    for (const path of paths) bytes += (await stat(path)).size;
    const message = `${repository.name}: ${paths.length} networks, ${(bytes / 1e9).toFixed(2)} GB at ${repository.folder}`;
    return { finding: ok('model', message), heavy: bytes >= HEAVY };
  } catch (thrown) {
    const remedy = 'espalier models pull trellis-text-xlarge, or unset TRELLIS_MODEL_PATH for the bundled model';
    return { finding: brokenBy('model', thrown, remedy), heavy: true };
  }
}
