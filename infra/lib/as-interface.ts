/**
 * A construct as the interface that CDK's own signatures ask for. CDK is compiled without `exactOptionalPropertyTypes`:
 * under it `Bucket`, whose `policy` may be undefined, is no `IBucket`, whose `policy` may be absent.
 */
export function asInterface<I>(construct: { readonly [K in keyof I]: I[K] | undefined }): I {
  return construct as I;
}
