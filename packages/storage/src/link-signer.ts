/** A store that can hand out links to its objects. A folder cannot. */
export interface LinkSigner {
  /** A URL with which anybody can read the object for `seconds`. */
  signLink(key: string, seconds: number): Promise<string>;
}

export function canSignLinks(store: object): store is LinkSigner {
  return 'signLink' in store && typeof store.signLink === 'function';
}
