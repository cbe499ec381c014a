/** Where a picture is taken from. */

export type Vector3 = readonly [number, number, number];

export interface Camera {
  /** World space. */
  readonly eye: Vector3;
  readonly target: Vector3;
  readonly up: Vector3;
  /** Vertical field of view in radians; absent for a parallel projection. */
  readonly fieldOfView?: number;
  /** World units from the picture's middle to its upper rim; parallel projection only. Default 0.9. */
  readonly halfHeight?: number;
}

/** Axes of a camera's own space and its projection: what the rasteriser needs. */
export interface View {
  readonly eye: Vector3;
  readonly right: Vector3;
  readonly up: Vector3;
  readonly forward: Vector3;
  /** Perspective: 1 / tan(half the field of view). Parallel: 1 / halfHeight. */
  readonly focal: number;
  readonly isPerspective: boolean;
}

export function viewOf(camera: Camera): View {
  const forward = normalize(subtract(camera.target, camera.eye));
  // A camera that looks along its own up vector takes another one.
  const isSteep = Math.abs(dot(forward, normalize(camera.up))) > 0.999;
  const right = normalize(cross(forward, isSteep ? [0, 1, 0] : camera.up));
  const { fieldOfView } = camera;
  return {
    eye: camera.eye,
    right,
    up: cross(right, forward),
    forward,
    focal: fieldOfView === undefined ? 1 / (camera.halfHeight ?? 0.9) : 1 / Math.tan(fieldOfView / 2),
    isPerspective: fieldOfView !== undefined,
  };
}

/**
 * A camera on a sphere around the origin that sees the whole cube [-0.5, 0.5]^3.
 *
 * @param azimuth radians from -y towards +x: 0 looks at the front.
 * @param elevation radians above the xy plane.
 */
export function orbitCamera(
  azimuth: number,
  elevation: number,
  fieldOfView = (40 * Math.PI) / 180,
  radius = 2,
): Camera {
  const level = Math.cos(elevation) * radius;
  return {
    eye: [Math.sin(azimuth) * level, -Math.cos(azimuth) * level, Math.sin(elevation) * radius],
    target: [0, 0, 0],
    up: [0, 0, 1],
    fieldOfView,
  };
}

/** `count` directions spread evenly over the sphere (Fibonacci lattice). */
export function sphereDirections(count: number): Vector3[] {
  return Array.from({ length: count }, (_, i) => {
    const z = 1 - (2 * i + 1) / count;
    const r = Math.sqrt(1 - z * z);
    const angle = i * Math.PI * (3 - Math.sqrt(5));
    return [r * Math.cos(angle), r * Math.sin(angle), z];
  });
}

export function subtract(a: Vector3, b: Vector3): Vector3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

export function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function normalize(a: Vector3): Vector3 {
  const length = Math.hypot(...a) || 1;
  return [a[0] / length, a[1] / length, a[2] / length];
}
