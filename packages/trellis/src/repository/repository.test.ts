import { cp, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Logger, sha256, silentLogger } from '@espalier/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GOLDEN_MODEL } from '../../test/support/golden-case.ts';
import { FileDigests, ModelRepository, parseNetworkArgs } from './index.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'repository-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Sets the field at a dotted path of a JSON file; `undefined` removes it. */
async function set(path: string, field: string, value: unknown): Promise<void> {
  const json: unknown = JSON.parse(await readFile(path, 'utf8'));
  const names = field.split('.');
  let holder = json as Record<string, unknown>;
  for (const name of names.slice(0, -1)) holder = holder[name] as Record<string, unknown>;
  holder[names.at(-1) as string] = value;
  await writeFile(path, JSON.stringify(json));
}

async function tinyModel(name = 'tiny'): Promise<string> {
  await cp(GOLDEN_MODEL, join(root, name), { recursive: true });
  return join(root, name);
}

async function textEncoder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of ['config.json', 'model.safetensors', 'tokenizer.json']) await writeFile(join(folder, file), file);
}

/** Lays a folder into a Hugging Face cache the way its client does: blobs, and links to them. */
async function intoCache(home: string, repository: string, folder: string, files: string[]): Promise<string> {
  const base = join(home, 'hub', `models--${repository.replace('/', '--')}`);
  const snapshot = join(base, 'snapshots', 'abc123');
  await mkdir(join(base, 'refs'), { recursive: true });
  await mkdir(join(base, 'blobs'), { recursive: true });
  await writeFile(join(base, 'refs', 'main'), 'abc123');
  for (const file of files) {
    const content = await readFile(join(folder, file));
    const blob = join(base, 'blobs', sha256(content));
    await writeFile(blob, content);
    await mkdir(dirname(join(snapshot, file)), { recursive: true });
    await symlink(blob, join(snapshot, file));
  }
  return snapshot;
}

describe('ModelRepository', () => {
  it('reads the reference model', async () => {
    const repository = await ModelRepository.open(GOLDEN_MODEL);
    expect(repository.name).toBe('trellis-tiny');
    expect(repository.networks.structureFlow.config).toMatchObject({ num_heads: 3, qk_rms_norm_cross: true });
    expect(repository.networks.structureDecoder.config).toMatchObject({ norm_type: 'layer', channels: [32, 16, 8] });
    expect(repository.networks.latentFlow.config).toMatchObject({ io_block_channels: [32], use_skip_connection: true });
    expect(repository.networks.gaussianDecoder?.config.representation_config.num_gaussians).toBe(8);
    expect(repository.networks.meshDecoder.weightsPath).toMatch(/ckpts\/slat_dec_mesh\w+\.safetensors$/);
    expect(repository.pipeline.slat_sampler.params).toEqual({
      steps: 10,
      cfg_strength: 7.5,
      cfg_interval: [0.5, 0.95],
      rescale_t: 3,
    });
  });

  it('takes sampler defaults only where pipeline.json is silent', async () => {
    const folder = await tinyModel();
    await set(join(folder, 'pipeline.json'), 'args.slat_sampler', { name: 'FlowEulerSampler' });
    await set(join(folder, 'pipeline.json'), 'args.sparse_structure_sampler.params', { steps: 7 });
    const { pipeline } = await ModelRepository.open(folder);
    expect(pipeline.sparse_structure_sampler.params).toMatchObject({ steps: 7, cfg_strength: 3, rescale_t: 1 });
    expect(pipeline.slat_sampler).toEqual({
      name: 'FlowEulerSampler',
      args: { sigma_min: 1e-5 },
      params: { steps: 50, rescale_t: 1, cfg_strength: 3, cfg_interval: [0, 1] },
    });
  });

  it('runs without a Gaussian decoder and ignores roles it does not need', async () => {
    const folder = await tinyModel();
    await set(join(folder, 'pipeline.json'), 'args.models.slat_decoder_gs', undefined);
    await set(join(folder, 'pipeline.json'), 'args.models.slat_decoder_rf', 'ckpts/not-there');
    expect((await ModelRepository.open(folder)).networks.gaussianDecoder).toBeUndefined();
  });

  it('follows names into a repository beside it, under its old owner too', async () => {
    const folder = await tinyModel('TRELLIS-text-tiny');
    const other = join(root, 'TRELLIS-image-large');
    await mkdir(join(other, 'ckpts'), { recursive: true });
    for (const ending of ['json', 'safetensors']) {
      const file = `ckpts/ss_dec_conv3d_8l8_fp16.${ending}`;
      await cp(join(folder, file), join(other, file));
      await rm(join(folder, file));
    }
    await set(
      join(folder, 'pipeline.json'),
      'args.models.sparse_structure_decoder',
      'JeffreyXiang/TRELLIS-image-large/ckpts/ss_dec_conv3d_8l8_fp16',
    );
    const { networks } = await ModelRepository.open(folder);
    expect(networks.structureDecoder.weightsPath).toBe(join(other, 'ckpts/ss_dec_conv3d_8l8_fp16.safetensors'));
  });

  it('follows names through the Hugging Face cache, where it may lie itself', async () => {
    const home = join(root, 'hf');
    const tiny = await tinyModel();
    const decoder = ['ckpts/ss_dec_conv3d_8l8_fp16.json', 'ckpts/ss_dec_conv3d_8l8_fp16.safetensors'];
    await set(
      join(tiny, 'pipeline.json'),
      'args.models.sparse_structure_decoder',
      'JeffreyXiang/TRELLIS-image-large/ckpts/ss_dec_conv3d_8l8_fp16',
    );
    const others = Object.values(
      JSON.parse(await readFile(join(tiny, 'pipeline.json'), 'utf8')).args.models as Record<string, string>,
    )
      .filter((name) => name.startsWith('ckpts/'))
      .flatMap((name) => [`${name}.json`, `${name}.safetensors`]);
    await intoCache(home, 'microsoft/TRELLIS-text-tiny', tiny, ['pipeline.json', ...others]);
    const large = await intoCache(home, 'microsoft/TRELLIS-image-large', tiny, decoder);
    const clip = join(root, 'clip');
    await textEncoder(clip);
    const cached = await intoCache(home, 'openai/clip-vit-large-patch14', clip, [
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    const repository = await ModelRepository.open('microsoft/TRELLIS-text-tiny', { huggingFaceHome: home });
    expect(repository.name).toBe('microsoft/TRELLIS-text-tiny');
    expect(repository.networks.structureDecoder.configPath).toBe(join(large, decoder[0] as string));
    expect((await repository.textEncoder()).folder).toBe(cached);
    // Opened by its folder, it finds its cache without being told.
    const direct = await ModelRepository.open(repository.folder);
    expect((await direct.textEncoder()).folder).toBe(cached);
    expect(await direct.revision()).toBe(await repository.revision());
  });

  it('finds the text encoder inside before beside, and the published one with a warning when none is named', async () => {
    const folder = await tinyModel();
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message) };
    const open = () => ModelRepository.open(folder, { logger });
    await expect((await open()).textEncoder()).rejects.toMatchObject({
      code: 'MODEL_FILE_MISSING',
      message: expect.stringMatching(
        /'openai\/clip-vit-large-patch14'.*clip-vit-large-patch14\/model\.safetensors.*models pull/,
      ),
    });
    await textEncoder(join(root, 'clip-vit-large-patch14'));
    expect((await (await open()).textEncoder()).folder).toBe(join(root, 'clip-vit-large-patch14'));
    await set(join(folder, 'pipeline.json'), 'args.text_cond_model', 'text_encoder');
    await textEncoder(join(root, 'text_encoder'));
    expect((await (await open()).textEncoder()).folder).toBe(join(root, 'text_encoder'));
    await textEncoder(join(folder, 'text_encoder'));
    await writeFile(join(folder, 'text_encoder', 'vocabulary.txt'), 'chair\n');
    const inside = await (await open()).textEncoder();
    expect(inside.folder).toBe(join(folder, 'text_encoder'));
    expect(inside.vocabularyPath).toBe(join(folder, 'text_encoder', 'vocabulary.txt'));
    expect(warnings).toEqual([]);
    await set(join(folder, 'pipeline.json'), 'args.text_cond_model', undefined);
    expect((await (await open()).textEncoder()).folder).toBe(join(root, 'clip-vit-large-patch14'));
    expect(warnings).toEqual([expect.stringContaining('openai/clip-vit-large-patch14')]);
  });

  it('has a revision that moves with content, not with place', async () => {
    const folder = await tinyModel();
    const revision = await (await ModelRepository.open(folder)).revision();
    expect(revision).toMatch(/^[0-9a-f]{64}$/);
    expect(await (await ModelRepository.open(await tinyModel('copy'))).revision()).toBe(revision);
    const { networks } = await ModelRepository.open(folder);
    const weights = await readFile(networks.latentFlow.weightsPath);
    weights[weights.length - 1] = (weights.at(-1) as number) ^ 1;
    await writeFile(networks.latentFlow.weightsPath, weights);
    const changed = await (await ModelRepository.open(folder)).revision();
    expect(changed).not.toBe(revision);
    await set(join(folder, 'pipeline.json'), 'args.text_cond_model', 'text_encoder');
    const without = await (await ModelRepository.open(folder)).revision();
    await textEncoder(join(folder, 'text_encoder'));
    expect(await (await ModelRepository.open(folder)).revision()).not.toBe(without);
  });
});

describe('ModelRepository refuses', () => {
  const cases: [string, string, (folder: string) => Promise<unknown>, string, RegExp][] = [
    [
      'a folder without a pipeline',
      'pipeline.json',
      (f) => rm(join(f, 'pipeline.json')),
      'MODEL_NOT_FOUND',
      /models pull/,
    ],
    [
      'a pipeline that is no JSON',
      'pipeline.json',
      (f) => writeFile(join(f, 'pipeline.json'), '{"name"'),
      'MODEL_FILE_INVALID',
      /not JSON/,
    ],
    [
      'a pipeline that is a list',
      'pipeline.json',
      (f) => writeFile(join(f, 'pipeline.json'), '[]'),
      'MODEL_FILE_INVALID',
      /expected object/,
    ],
    [
      'an image pipeline',
      'pipeline.json',
      (f) => set(join(f, 'pipeline.json'), 'name', 'TrellisImageTo3DPipeline'),
      'MODEL_UNSUPPORTED',
      /TrellisImageTo3DPipeline.*TrellisTextTo3DPipeline/,
    ],
    [
      'a role left open',
      'pipeline.json',
      (f) => set(join(f, 'pipeline.json'), 'args.models.slat_flow_model', undefined),
      'MODEL_FILE_INVALID',
      /'args\.models\.slat_flow_model'/,
    ],
    [
      'a name that leads out of the repository',
      'pipeline.json',
      (f) => set(join(f, 'pipeline.json'), 'args.models.slat_flow_model', 'ckpts/../../x'),
      'MODEL_FILE_INVALID',
      /inside a repository/,
    ],
    [
      'an unknown sampler',
      'pipeline.json',
      (f) => set(join(f, 'pipeline.json'), 'args.slat_sampler.name', 'DDIM'),
      'MODEL_FILE_INVALID',
      /'args\.slat_sampler\.name'.*FlowEulerSampler/,
    ],
    [
      'normalisation of another width',
      'pipeline.json',
      (f) => set(join(f, 'pipeline.json'), 'args.slat_normalization', { mean: [0], std: [1] }),
      'MODEL_INCONSISTENT',
      /slat_flow_model \(8\).*slat_normalization \(1\)/,
    ],
    [
      'weights that are not there',
      'ckpts/ss_flow_txt_dit_tiny_8l8_fp16.safetensors',
      (f) => rm(join(f, 'ckpts/ss_flow_txt_dit_tiny_8l8_fp16.safetensors')),
      'MODEL_FILE_MISSING',
      /sparse_structure_flow_model.*models pull/,
    ],
    [
      'an unknown class',
      'slat_flow_txt_dit_tiny_32l8p2_fp16.json',
      (f) => set(join(f, 'ckpts/slat_flow_txt_dit_tiny_32l8p2_fp16.json'), 'name', 'SLatUNet'),
      'MODEL_FILE_INVALID',
      /'SLatUNet'.*SLatFlowModel/,
    ],
    [
      'a class in the wrong role',
      'slat_flow_txt_dit_tiny_32l8p2_fp16.json',
      (f) => set(join(f, 'ckpts/slat_flow_txt_dit_tiny_32l8p2_fp16.json'), 'name', 'SLatMeshDecoder'),
      'MODEL_FILE_INVALID',
      /'SLatMeshDecoder': a SLatFlowModel is needed/,
    ],
    [
      'an unknown argument',
      'slat_flow_txt_dit_tiny_32l8p2_fp16.json',
      (f) => set(join(f, 'ckpts/slat_flow_txt_dit_tiny_32l8p2_fp16.json'), 'args.flash', 1),
      'MODEL_FILE_INVALID',
      /flash/,
    ],
    [
      'an argument of the wrong type',
      'slat_flow_txt_dit_tiny_32l8p2_fp16.json',
      (f) => set(join(f, 'ckpts/slat_flow_txt_dit_tiny_32l8p2_fp16.json'), 'args.num_blocks', '3'),
      'MODEL_FILE_INVALID',
      /'args\.num_blocks'.*number/,
    ],
  ];
  for (const [what, file, harm, code, message] of cases) {
    it(what, async () => {
      const folder = await tinyModel();
      await harm(folder);
      await expect(ModelRepository.open(folder)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
      await expect(ModelRepository.open(folder)).rejects.toThrow(file);
    });
  }
});

describe('parseNetworkArgs', () => {
  const flow = {
    resolution: 8,
    in_channels: 8,
    out_channels: 8,
    model_channels: 128,
    cond_channels: 64,
    num_blocks: 1,
  };
  const decoder = { resolution: 8, latent_channels: 8, model_channels: 256, num_blocks: 1, representation_config: {} };

  it('gives the defaults of the published constructors', () => {
    expect(parseNetworkArgs('SLatFlowModel', flow, 'x.json')).toMatchObject({
      num_heads: 2,
      mlp_ratio: 4,
      patch_size: 2,
      num_io_res_blocks: 2,
      io_block_channels: null,
      use_skip_connection: true,
      share_mod: false,
      qk_rms_norm: false,
    });
    expect(parseNetworkArgs('SLatMeshDecoder', decoder, 'x.json')).toMatchObject({
      num_heads: 4,
      attn_mode: 'swin',
      window_size: 8,
      representation_config: { use_color: false },
    });
  });

  for (const [name, args, field] of [
    ['SLatFlowModel', { ...flow, pe_mode: 'rope' }, 'pe_mode'],
    ['SLatFlowModel', { ...flow, qk_rms_norm_cross: true }, 'qk_rms_norm_cross'],
    ['SLatFlowModel', { ...flow, share_mod: true, io_block_channels: [32] }, 'share_mod'],
    ['SLatFlowModel', { ...flow, patch_size: 4, io_block_channels: [32] }, 'io_block_channels'],
    ['SparseStructureFlowModel', { ...flow, patch_size: 3 }, 'patch_size'],
    ['SLatMeshDecoder', { ...decoder, model_channels: 128 }, 'model_channels'],
    [
      'SparseStructureDecoder',
      { out_channels: 1, latent_channels: 8, num_res_blocks: 1, channels: [32, 8], norm_type: 'group' },
      'norm_type',
    ],
  ] as const) {
    it(`refuses what TRELLIS cannot run: ${name} ${field}`, () => {
      expect(() => parseNetworkArgs(name, args, 'x.json')).toThrow(
        expect.objectContaining({ code: 'MODEL_UNSUPPORTED', field: `args.${field}` }),
      );
    });
  }

  it('refuses heads that do not divide the channels', () => {
    expect(() => parseNetworkArgs('SLatFlowModel', { ...flow, num_heads: 3 }, 'x.json')).toThrow(/128 .* 3 heads/);
  });
});

describe('FileDigests', () => {
  it('remembers a digest until size or time of change differ', async () => {
    const path = join(root, 'weights');
    const cache = join(root, 'cache');
    await writeFile(path, 'one');
    await utimes(path, 1000, 1000);
    expect(await new FileDigests(cache).of(path)).toBe(sha256('one'));
    await writeFile(path, 'two');
    await utimes(path, 1000, 1000);
    // Same size, same time: the remembered digest shows that the file was not read.
    expect(await new FileDigests(cache).of(path)).toBe(sha256('one'));
    expect(await new FileDigests(undefined).of(path)).toBe(sha256('two'));
    await utimes(path, 1001, 1001);
    expect(await new FileDigests(cache).of(path)).toBe(sha256('two'));
  });

  it('takes a Hugging Face blob at its name and survives a cache that cannot be written', async () => {
    const name = 'a'.repeat(64);
    await mkdir(join(root, 'blobs'));
    await writeFile(join(root, 'blobs', name), 'anything');
    await symlink(join(root, 'blobs', name), join(root, 'link'));
    expect(await new FileDigests(undefined).of(join(root, 'link'))).toBe(name);
    await writeFile(join(root, 'plain'), 'x');
    expect(await new FileDigests(join(root, 'plain', 'cache')).of(join(root, 'plain'))).toBe(sha256('x'));
  });
});
