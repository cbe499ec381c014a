/**
 * What a run of a decoder takes beside its network: the tables that are fed, the cells' places, and the Gaussians behind it;
 * at 20,000 voxels, each beside the plain way to the same values.
 */
import {
  bucketed,
  neighbourTable,
  packedGroups,
  subdivide,
  subdivideTwice,
  WINDOW_BUCKETS,
  windowGroups,
} from '@espalier/trellis/sparse';
import { activateGaussians, rawGaussians } from '../../packages/trellis/src/networks/gaussian-activation.ts';
import { type Measured, measure, shell } from './measure.ts';
import { plainGaussians } from './plain-gaussians.ts';

const WINDOW = 8;
/** Of milliseconds each, some of them spent on memory that the system gives at one time quickly, at another slowly. */
const SHORT_RUNS = 300;
const [GAUSSIANS, CHANNELS] = [32, 14];

const config = {
  resolution: 64,
  representation_config: {
    lr: { _xyz: 1, _features_dc: 1, _opacity: 1, _scaling: 1, _rotation: 0.1 },
    perturb_offset: true,
    voxel_size: 1.5,
    num_gaussians: GAUSSIANS,
    '3d_filter_kernel_size': 0.0009,
    scaling_bias: 0.004,
    opacity_bias: 0.1,
    scaling_activation: 'softplus',
  },
} as const;

export function measureDecoderHost(): {
  readonly measured: readonly (Measured & { readonly over: Measured })[];
  /** CPU seconds of all that the mesh decoder needs on CUDA. */
  readonly tables: number;
} {
  const voxels = shell(64, 28.7, 30.5);
  const count = voxels.length / 3;
  const short = (what: string, make: () => { readonly length: number }) => measure(what, count, make, SHORT_RUNS);
  const groups = short(
    'windows of both shifts, packed for CUDA',
    () => packed(voxels, 0) && packed(voxels, WINDOW / 2),
  );
  const buckets = short('windows of both shifts, in buckets for the CPU', () => {
    for (const shift of [0, WINDOW / 2]) bucketed(windowGroups(voxels, WINDOW, shift), WINDOW_BUCKETS);
    return voxels;
  });
  const plain = short('windows of both shifts, by a Map of strings', () => windowsByMap(voxels));
  const neighbours = short('neighbours', () => neighbourTable(voxels));
  const twice = short('cells, subdivided twice in one pass', () => subdivideTwice(voxels));
  const inTwo = short('cells, subdivided in two passes', () => subdivide(subdivide(voxels)));
  const h = Float32Array.from({ length: count * GAUSSIANS * CHANNELS }, (_, i) => Math.sin(i * 1.37) * 2);
  const shifts = Float32Array.from({ length: GAUSSIANS * 3 }, (_, i) => Math.sin(i));
  const activated = measure('Gaussians, activated', count, () => {
    return activateGaussians(rawGaussians(h, voxels, config, shifts), config.representation_config).positions;
  });
  const valueByValue = measure('Gaussians, value by value', count, () => plainGaussians(h, voxels, config, shifts));
  return {
    measured: [
      { ...groups, over: plain },
      { ...buckets, over: plain },
      { ...plain, over: plain },
      { ...neighbours, over: neighbours },
      { ...twice, over: inTwo },
      { ...inTwo, over: inTwo },
      { ...activated, over: valueByValue },
      { ...valueByValue, over: valueByValue },
    ],
    tables: groups.cpu + neighbours.cpu + twice.cpu,
  };
}

function packed(voxels: Int32Array, shift: number): Int32Array {
  return packedGroups(windowGroups(voxels, WINDOW, shift)).places;
}

function windowsByMap(voxels: Int32Array): number[][] {
  return [0, WINDOW / 2].flatMap((shift) => {
    const windows = new Map<string, number[]>();
    for (let row = 0; row < voxels.length / 3; row++) {
      const at = voxels.subarray(row * 3, row * 3 + 3);
      const window = Array.from(at, (value) => String(Math.floor((value + shift) / WINDOW)).padStart(4, '0')).join();
      const rows = windows.get(window);
      if (rows === undefined) windows.set(window, [row]);
      else rows.push(row);
    }
    return [...windows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rows]) => rows);
  });
}
