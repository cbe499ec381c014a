/** A store that can hand out links to its objects. A folder cannot. */
export interface LinkSigner {
  /** A URL with which anybody can read the object for `seconds`. */
  signLink(key: string, seconds: number): Promise<string>;
}

export function canSignLinks(store: object): store is LinkSigner {
  return 'signLink' in store && typeof store.signLink === 'function';
}

export interface GlbLink {
  readonly glb_url: string;
  /** Of a link that needs no key. */
  readonly glb_url_expires_at?: string;
}

/**
 * A GLB's link as results carry it: signed where the store can sign, else the one that is given.
 *
 * @param now milliseconds since the epoch
 * @param otherwise where the file is for those who have a key of their own
 */
export async function linkGlb(
  store: object,
  key: string,
  { seconds, now, otherwise }: { readonly seconds: number; readonly now: number; readonly otherwise: string },
): Promise<GlbLink> {
  if (!canSignLinks(store)) return { glb_url: otherwise };
  return {
    glb_url: await store.signLink(key, seconds),
    glb_url_expires_at: new Date(now + seconds * 1000).toISOString(),
  };
}
