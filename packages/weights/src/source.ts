/** The port to places that weights come from: a hub, or a mirror of one's own. */

/** What the content of a file must hash to: of large files SHA-256, of small ones the id that git gives its blob. */
export interface FileDigest {
  readonly algorithm: 'sha256' | 'git-sha1';
  /** Lower-case hex. */
  readonly hex: string;
}

export interface RemoteFile {
  /** `Org/Repo`, as the source calls it. */
  readonly repository: string;
  /** 40 hex digits. */
  readonly commit: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: FileDigest;
}

export interface Repository {
  readonly name: string;
  readonly commit: string;
  readonly files: ReadonlyMap<string, RemoteFile>;
}

export interface OpenedFile {
  /** Where the bytes begin: the offset asked for, or 0 if the source cannot do that. */
  readonly offset: number;
  /** Of the whole file, where the source tells. Bytes. */
  readonly size: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface WeightSource {
  /** For people and logs. */
  readonly location: string;
  /**
   * @param revision branch, tag or commit
   * @returns undefined when the source has no such repository, or hides it
   * @throws TerminalError MODEL_DENIED, MODEL_REVISION_NOT_FOUND
   * @throws RetryableError SOURCE_UNAVAILABLE
   */
  repository(name: string, revision: string, signal?: AbortSignal): Promise<Repository | undefined>;
  /** @throws as `repository`; any other error is a broken connection */
  open(file: RemoteFile, offset: number, signal: AbortSignal): Promise<OpenedFile>;
}

/** `Org/Repo/path`, for messages. */
export function fileName(file: Pick<RemoteFile, 'repository' | 'path'>): string {
  return `${file.repository}/${file.path}`;
}
