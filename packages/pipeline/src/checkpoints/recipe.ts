/**
 * What a checkpoint is computed from, and the digest of it: the checkpoint's address.
 *
 * The inputs stand in it by their own digests, so an address covers everything back to the prompt, and the
 * addresses of a whole job are known before anything is read or computed.
 */
import { canonicalJson, type StageName, sha256 } from '@espalier/contracts';

/** JSON values only: the digest is taken over their canonical text. */
export type StageParameters = Readonly<Record<string, unknown>>;

export interface Recipe {
  readonly stage: StageName;
  /** Raised whenever the stage's code gives other results for the same inputs. */
  readonly version: number;
  /** Content digest of the model. */
  readonly modelRevision: string;
  /** The stage's own parameters. */
  readonly parameters: StageParameters;
  /** Digests of the checkpoints it reads, by stage. */
  readonly inputs: Readonly<Partial<Record<StageName, string>>>;
}

/** SHA-256 in lower-case hex. Equal recipes have equal digests, whatever order their keys were set in. */
export function recipeDigest(recipe: Recipe): string {
  const { stage, version, modelRevision, parameters, inputs } = recipe;
  return sha256(canonicalJson({ stage, version, model: modelRevision, parameters, inputs }));
}
