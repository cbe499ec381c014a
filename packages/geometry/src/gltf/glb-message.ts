/** One finding on a binary glTF file. */
export interface GlbMessage {
  readonly code: string;
  readonly message: string;
  readonly severity: 'error' | 'warning' | 'info' | 'hint';
  /** JSON pointer into the file. */
  readonly pointer?: string;
}
