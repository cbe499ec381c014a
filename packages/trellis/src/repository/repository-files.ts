/** Which files make up a model. */
import type { NetworkConfigs, NetworkName } from './network-config.ts';
import type { NetworkRole } from './pipeline-config.ts';

/** One network of a repository: its checked config, and where its tensors lie. */
export interface NetworkFiles<N extends NetworkName = NetworkName> {
  readonly role: NetworkRole;
  readonly network: N;
  readonly config: NetworkConfigs[N];
  readonly configPath: string;
  readonly weightsPath: string;
}

/** What a text encoder's folder must hold. */
export const TEXT_ENCODER_FILES = ['config.json', 'model.safetensors', 'tokenizer.json'] as const;

/** A CLIP text encoder as Hugging Face lays it out. */
export interface TextEncoderFiles {
  readonly folder: string;
  readonly configPath: string;
  readonly weightsPath: string;
  readonly tokenizerPath: string;
  /** List of the words of a closed vocabulary, one a line, where the folder carries one. */
  readonly vocabularyPath: string | undefined;
}

export interface RepositoryNetworks {
  readonly structureFlow: NetworkFiles<'SparseStructureFlowModel'>;
  readonly structureDecoder: NetworkFiles<'SparseStructureDecoder'>;
  readonly latentFlow: NetworkFiles<'SLatFlowModel'>;
  readonly meshDecoder: NetworkFiles<'SLatMeshDecoder'>;
  readonly gaussianDecoder: NetworkFiles<'SLatGaussianDecoder'> | undefined;
}
