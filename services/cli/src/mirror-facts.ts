/**
 * `<Org>/<Repo>/espalier.model.json` in a mirror: what a machine has to know of a model that it does not run. Checkpoints are
 * named by the model's revision, which else is a digest over gigabytes that would have to be there.
 */
import { join } from 'node:path';
import { type Settings, TerminalError } from '@espalier/contracts';
import { type ModelFacts, ModelFactsSchema, modelFactsOf } from '@espalier/pipeline';
import type { ObjectStore } from '@espalier/storage';
import { ModelRepository } from '@espalier/trellis';

const factsKey = (model: string) => `${model}/espalier.model.json`;

/** @param model `Org/Repo` of one that was pulled here */
export async function writeMirrorFacts(store: ObjectStore, model: string, settings: Settings): Promise<void> {
  const { huggingFaceHome, cacheFolder } = settings;
  const repository = await ModelRepository.open(model, { huggingFaceHome, digestCache: join(cacheFolder, 'digests') });
  const text = `${JSON.stringify(await modelFactsOf(repository), null, 2)}\n`;
  await store.put(factsKey(model), new TextEncoder().encode(text), { contentType: 'application/json' });
}

/** @returns undefined when the mirror says nothing of that model. @throws TerminalError MODEL_FILE_INVALID */
export async function readMirrorFacts(store: ObjectStore, model: string): Promise<ModelFacts | undefined> {
  const found = await store.get(factsKey(model));
  if (found === undefined) return undefined;
  try {
    return ModelFactsSchema.parse(JSON.parse(new TextDecoder().decode(found.body)));
  } catch (cause) {
    throw new TerminalError(`${store.location}/${factsKey(model)} is no description of a model`, {
      code: 'MODEL_FILE_INVALID',
      field: factsKey(model),
      remedy: `push the model again: espalier models push ${model} ${store.location}`,
      cause,
    });
  }
}
