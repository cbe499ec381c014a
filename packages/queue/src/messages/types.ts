/** What a message turned out to be. */
import type { JobStatus } from '@espalier/contracts';

export interface AnnouncedObject {
  readonly bucket: string;
  readonly key: string;
  /** Bytes. */
  readonly size?: number;
  readonly etag?: string;
  /** Orders the events of this key: `compareSequencers`. */
  readonly sequencer?: string;
}

export type ParsedMessage =
  /** Objects were created. */
  | { readonly kind: 'objects'; readonly objects: readonly AnnouncedObject[] }
  /** A worker or the sweep says that a job may be ready for a lane. */
  | { readonly kind: 'turn'; readonly turn: JobTurn }
  /** The job itself, as plain JSON: not checked yet. */
  | { readonly kind: 'job'; readonly job: Readonly<Record<string, unknown>> }
  /** Nothing to do, and nothing wrong: S3's test event, a deletion. */
  | { readonly kind: 'ignored'; readonly why: string }
  /** None of these. */
  | { readonly kind: 'invalid'; readonly code: string; readonly reason: string };

/** Espalier's own message. */
export interface JobTurn {
  readonly job: string;
  /** Key of the job object. @defaultValue the one that a job of this id usually has */
  readonly key?: string;
  /** W3C trace context of whoever sent it. */
  readonly traceparent?: string;
  readonly handed?: HandedJob;
}

/**
 * The job as one lane hands it to the other, which can then claim it without reading it again. It proves nothing: the
 * claim is a compare-and-swap against `etag`, so who holds an old message loses, and reads.
 */
export interface HandedJob {
  /** The job as it was worked on, seed and all; not checked yet. */
  readonly job: unknown;
  /** Its record as it was written last. */
  readonly status: JobStatus;
  /** That version of the record. */
  readonly etag: string;
}
