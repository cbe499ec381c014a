import { basename, join, resolve } from 'node:path';
import { canonicalJson, type Logger, sha256, silentLogger, TerminalError } from '@espalier/contracts';
import { assertConsistent } from './consistency.ts';
import { FileDigests } from './digests.ts';
import { PULL_REMEDY } from './json-file.ts';
import { type NetworkName, readNetworkConfig } from './network-config.ts';
import { DEFAULT_TEXT_ENCODER, type NetworkRole, type PipelineConfig, readPipelineConfig } from './pipeline-config.ts';
import { cachedSnapshot, isFile, RepositoryPlaces } from './places.ts';
import { repositoryOf } from './published-models.ts';
import {
  type NetworkFiles,
  type RepositoryNetworks,
  TEXT_ENCODER_FILES,
  type TextEncoderFiles,
} from './repository-files.ts';

export interface RepositoryOptions {
  /** `HF_HOME`: where repositories that this one refers to may be cached. */
  readonly huggingFaceHome?: string | undefined;
  /** Where content digests of weights are remembered between runs. */
  readonly digestCache?: string | undefined;
  readonly logger?: Logger | undefined;
}

/**
 * A model in the published layout: `pipeline.json`, and per network a config `.json` and a `.safetensors`.
 * Networks may lie in another repository, as those of TRELLIS-text-xlarge lie in TRELLIS-image-large.
 */
export class ModelRepository {
  readonly folder: string;
  readonly name: string;
  readonly pipeline: PipelineConfig;
  readonly networks: RepositoryNetworks;
  readonly #places: RepositoryPlaces;
  readonly #digests: FileDigests;
  readonly #logger: Logger;

  private constructor(
    places: RepositoryPlaces,
    pipeline: PipelineConfig,
    networks: RepositoryNetworks,
    options: RepositoryOptions,
  ) {
    this.folder = places.folder;
    this.name = nameOf(places.folder);
    this.pipeline = pipeline;
    this.networks = networks;
    this.#places = places;
    this.#digests = new FileDigests(options.digestCache);
    this.#logger = options.logger ?? silentLogger;
  }

  /**
   * Reads and checks `pipeline.json` and the configs it names; no weights are read.
   *
   * @param folder Folder of the repository; or `Org/Repo`, or the short name of a published model, for one in the
   *   Hugging Face cache.
   * @throws TerminalError `MODEL_NOT_FOUND`, `MODEL_FILE_MISSING`, `MODEL_FILE_INVALID`, `MODEL_UNSUPPORTED`,
   *   `MODEL_INCONSISTENT`.
   */
  static async open(folder: string, options: RepositoryOptions = {}): Promise<ModelRepository> {
    const places = new RepositoryPlaces(await findRepository(folder, options.huggingFaceHome), options.huggingFaceHome);
    const pipelinePath = join(places.folder, 'pipeline.json');
    const pipeline = await readPipelineConfig(pipelinePath);
    const load = async <N extends NetworkName>(
      role: NetworkRole,
      name: string,
      network: N,
    ): Promise<NetworkFiles<N>> => {
      const path = await locate(places, name, ['.json', '.safetensors'], `${pipelinePath}: 'args.models.${role}'`);
      const config = await readNetworkConfig(`${path}.json`, network);
      return { role, network, config, configPath: `${path}.json`, weightsPath: `${path}.safetensors` };
    };
    const { models } = pipeline;
    const gaussians = models.slat_decoder_gs;
    const networks: RepositoryNetworks = {
      structureFlow: await load(
        'sparse_structure_flow_model',
        models.sparse_structure_flow_model,
        'SparseStructureFlowModel',
      ),
      structureDecoder: await load(
        'sparse_structure_decoder',
        models.sparse_structure_decoder,
        'SparseStructureDecoder',
      ),
      latentFlow: await load('slat_flow_model', models.slat_flow_model, 'SLatFlowModel'),
      meshDecoder: await load('slat_decoder_mesh', models.slat_decoder_mesh, 'SLatMeshDecoder'),
      gaussianDecoder:
        gaussians === undefined ? undefined : await load('slat_decoder_gs', gaussians, 'SLatGaussianDecoder'),
    };
    assertConsistent(networks, pipeline, pipelinePath);
    return new ModelRepository(places, pipeline, networks, options);
  }

  /**
   * Finds the text encoder: inside the repository, beside it, or in the Hugging Face cache.
   *
   * @throws TerminalError `MODEL_FILE_MISSING` naming every place that was searched.
   */
  async textEncoder(): Promise<TextEncoderFiles> {
    const named = this.pipeline.text_cond_model;
    if (named === undefined) {
      this.#logger.warn({ model: this.name }, `pipeline.json names no text_cond_model: taking ${DEFAULT_TEXT_ENCODER}`);
    }
    const files = TEXT_ENCODER_FILES.map((file) => `/${file}`);
    const source = `${join(this.folder, 'pipeline.json')}: 'args.text_cond_model'`;
    const folder = await locate(this.#places, named ?? DEFAULT_TEXT_ENCODER, files, source);
    const vocabularyPath = join(folder, 'vocabulary.txt');
    return {
      folder,
      configPath: join(folder, 'config.json'),
      weightsPath: join(folder, 'model.safetensors'),
      tokenizerPath: join(folder, 'tokenizer.json'),
      vocabularyPath: (await isFile(vocabularyPath)) ? vocabularyPath : undefined,
    };
  }

  /**
   * What this model is, whatever it is called and wherever it lies: a digest over its `pipeline.json`, configs,
   * weights and, where present, its text encoder. Equal revisions give equal results for equal jobs.
   */
  async revision(): Promise<string> {
    const files: Record<string, string> = { pipeline: join(this.folder, 'pipeline.json') };
    for (const network of Object.values(this.networks) as (NetworkFiles | undefined)[]) {
      if (network === undefined) continue;
      files[`${network.role}.config`] = network.configPath;
      files[`${network.role}.weights`] = network.weightsPath;
    }
    const text = await this.textEncoder().catch(() => undefined);
    if (text !== undefined) {
      files['text.config'] = text.configPath;
      files['text.weights'] = text.weightsPath;
      files['text.tokenizer'] = text.tokenizerPath;
    }
    const digests: Record<string, string> = {};
    for (const [part, path] of Object.entries(files)) digests[part] = await this.#digests.of(path);
    return sha256(canonicalJson(digests));
  }
}

async function findRepository(folder: string, huggingFaceHome: string | undefined): Promise<string> {
  const plain = resolve(folder);
  if (await isFile(join(plain, 'pipeline.json'))) return plain;
  const [owner, repository, ...rest] = (repositoryOf(folder) ?? folder).split('/');
  if (huggingFaceHome !== undefined && owner && repository && rest.length === 0) {
    const snapshot = await cachedSnapshot(join(huggingFaceHome, 'hub'), owner, repository);
    if (snapshot !== undefined && (await isFile(join(snapshot, 'pipeline.json')))) return snapshot;
  }
  const remedy =
    'give a folder that holds a pipeline.json, or the name of a model that was fetched: `espalier models pull NAME` ' +
    'fetches one, `espalier models list` tells which there are';
  const named = huggingFaceHome !== undefined && owner && repository && rest.length === 0;
  const cache = named ? `, and none of that name is in ${join(huggingFaceHome, 'hub')}` : '';
  throw new TerminalError(`no model at ${plain}: it has no pipeline.json${cache}; ${remedy}`, {
    code: 'MODEL_NOT_FOUND',
    field: folder,
    remedy,
  });
}

/** First candidate path at which all `files` (suffixes) exist. */
async function locate(places: RepositoryPlaces, name: string, files: string[], source: string): Promise<string> {
  const candidates = await places.candidates(name);
  const missing: string[] = [];
  for (const path of candidates) {
    const absent: string[] = [];
    for (const file of files) if (!(await isFile(path + file))) absent.push(path + file);
    if (absent.length === 0) return path;
    missing.push(...absent);
  }
  throw new TerminalError(`${source} is '${name}', but there is no ${missing.join(', nor ')}: ${PULL_REMEDY}`, {
    code: 'MODEL_FILE_MISSING',
    field: name,
    remedy: PULL_REMEDY,
  });
}

/** A folder's own name; of a Hugging Face cache the repository's. */
function nameOf(folder: string): string {
  const cached = folder.match(/models--([^\\/]+?)--([^\\/]+)[\\/]snapshots[\\/]/);
  return cached ? `${cached[1]}/${cached[2]}` : basename(folder);
}
