/** Where on a triangle: barycentric weights of its second and third corner. */
export interface TrianglePoint {
  v: number;
  w: number;
}

/**
 * Squared distance from a point to the triangle whose corners stand at `t[i]` to `t[i + 8]`; the nearest point in
 * `out`. Ericson 2005, "Real-Time Collision Detection", section 5.1.5.
 */
export function closestOnTriangle(
  t: Float32Array,
  i: number,
  px: number,
  py: number,
  pz: number,
  out: TrianglePoint,
): number {
  const [ax, ay, az] = [t[i] as number, t[i + 1] as number, t[i + 2] as number];
  const [abx, aby, abz] = [(t[i + 3] as number) - ax, (t[i + 4] as number) - ay, (t[i + 5] as number) - az];
  const [acx, acy, acz] = [(t[i + 6] as number) - ax, (t[i + 7] as number) - ay, (t[i + 8] as number) - az];
  const [apx, apy, apz] = [px - ax, py - ay, pz - az];
  const d1 = abx * apx + aby * apy + abz * apz;
  const d2 = acx * apx + acy * apy + acz * apz;
  const abab = abx * abx + aby * aby + abz * abz;
  const abac = abx * acx + aby * acy + abz * acz;
  const acac = acx * acx + acy * acy + acz * acz;
  const [d3, d4, d5, d6] = [d1 - abab, d2 - abac, d1 - abac, d2 - acac];
  const [va, vb, vc] = [d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2];
  let [v, w] = [0, 0];
  if (d1 <= 0 && d2 <= 0) {
    // corner a
  } else if (d3 >= 0 && d4 <= d3) v = 1;
  else if (d6 >= 0 && d5 <= d6) w = 1;
  else if (vc <= 0 && d1 >= 0 && d3 <= 0) v = d1 / (d1 - d3);
  else if (vb <= 0 && d2 >= 0 && d6 <= 0) w = d2 / (d2 - d6);
  else if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) {
    w = (d4 - d3) / (d4 - d3 + (d5 - d6));
    v = 1 - w;
  } else {
    const sum = va + vb + vc;
    v = vb / sum;
    w = vc / sum;
  }
  const [dx, dy, dz] = [apx - abx * v - acx * w, apy - aby * v - acy * w, apz - abz * v - acz * w];
  out.v = v;
  out.w = w;
  return dx * dx + dy * dy + dz * dz;
}
