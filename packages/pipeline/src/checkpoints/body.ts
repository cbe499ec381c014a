/**
 * The bytes of a checkpoint: a safetensors file whose `__metadata__` says what it is (`espalier`) and seals the
 * whole (`seal`: SHA-256 over that text and over every tensor).
 *
 * Holds: what `decodeCheckpoint` returns is what `encodeCheckpoint` was given for the same recipe. A cut, foreign or
 * altered file is an error, never a result.
 */
import { webcrypto } from 'node:crypto';
import { CHECKPOINT_METADATA_KEY, CheckpointMetadataSchema, canonicalJson, sha256 } from '@espalier/contracts';
import { bytesOf, decodeSafetensors, encodeSafetensors, type Tensor } from '@espalier/tensors';
import { z } from 'zod';
import type { Recipe } from './recipe.ts';

/** Tensors by name, and everything that is no tensor. */
export interface CheckpointContent {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** JSON. */
  readonly state: unknown;
}

/** A content in the middle of a stage: `step` sampler steps are done. */
export interface PartialContent extends CheckpointContent {
  readonly step: number;
}

/** The file is not the checkpoint it should be; `reason` says why. */
export class UnusableCheckpoint extends Error {
  override readonly name = 'UnusableCheckpoint';
}

const SEAL_KEY = 'seal';
const HeaderSchema = z.object({ [CHECKPOINT_METADATA_KEY]: z.string(), [SEAL_KEY]: z.string() });

export async function encodeCheckpoint(
  recipe: Recipe,
  content: CheckpointContent | PartialContent,
): Promise<Uint8Array> {
  const described = canonicalJson({
    stage: recipe.stage,
    stage_version: recipe.version,
    model_revision: recipe.modelRevision,
    parameters: recipe.parameters,
    inputs: recipe.inputs,
    ...('step' in content && { step: content.step }),
    ...(content.state !== undefined && { state: content.state }),
  });
  const seal = await sealOf(described, content.tensors);
  return encodeSafetensors(content.tensors, { [CHECKPOINT_METADATA_KEY]: described, [SEAL_KEY]: seal });
}

/**
 * @param name what errors call the file
 * @throws UnusableCheckpoint when the bytes are no sealed checkpoint of this recipe
 */
export async function decodeCheckpoint(
  bytes: Uint8Array,
  recipe: Recipe,
  name: string,
): Promise<CheckpointContent & { readonly step: number | undefined }> {
  const file = attempt(() => decodeSafetensors(bytes, name));
  const header = attempt(() => HeaderSchema.parse(file.metadata));
  const described = header[CHECKPOINT_METADATA_KEY];
  const metadata = attempt(() => CheckpointMetadataSchema.parse(JSON.parse(described)));
  const tensors = Object.fromEntries(file.tensors);
  if ((await sealOf(described, tensors)) !== header[SEAL_KEY]) throw new UnusableCheckpoint('its seal is broken');
  const same =
    metadata.stage === recipe.stage &&
    metadata.stage_version === recipe.version &&
    metadata.model_revision === recipe.modelRevision &&
    canonicalJson([metadata.parameters, metadata.inputs]) === canonicalJson([recipe.parameters, recipe.inputs]);
  if (!same) throw new UnusableCheckpoint('it belongs to another recipe');
  return { tensors, state: metadata.state, step: metadata.step };
}

/** Tensor by tensor and off this thread: tens of megabytes must not hold up heartbeats. */
async function sealOf(described: string, tensors: Readonly<Record<string, Tensor>>): Promise<string> {
  const names = Object.keys(tensors).sort();
  const parts = [];
  for (const name of names) {
    const { dtype, shape, data } = tensors[name] as Tensor; // `name` is one of its keys
    const digest = await webcrypto.subtle.digest('SHA-256', bytesOf(data) as Uint8Array<ArrayBuffer>);
    parts.push([name, dtype, shape, Buffer.from(digest).toString('hex')]);
  }
  return sha256(canonicalJson([described, parts]));
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new UnusableCheckpoint(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
