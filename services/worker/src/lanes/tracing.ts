/**
 * OpenTelemetry spans for jobs and stages, joined across queues by the trace context in the messages. Without an
 * OpenTelemetry SDK in the process (`node --import`) nothing is recorded, but the context still travels on.
 */
import { randomBytes } from 'node:crypto';
import type { PipelineEvent, StageName } from '@espalier/contracts';
import {
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

export interface JobTrace {
  /** For the next message. */
  readonly traceparent: string;
  readonly traceId: string;
  listen(event: PipelineEvent): void;
  end(outcome: string, error?: string): void;
}

export interface JobTraceStart {
  readonly job: string;
  readonly lane: string;
  readonly attempt: number;
  /** Of the message that brought the job. */
  readonly traceparent: string | undefined;
}

export function startJobTrace({ job, lane, attempt, traceparent }: JobTraceStart): JobTrace {
  const tracer = trace.getTracer('espalier');
  const remote = parseTraceparent(traceparent) ?? newContext();
  const attributes = { 'espalier.job': job, 'espalier.lane': lane, 'espalier.attempt': attempt };
  const parent = traceparent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
  const span = tracer.startSpan(`job ${lane}`, { kind: SpanKind.CONSUMER, attributes }, parent);
  const own = span.spanContext();
  const carried = isSpanContextValid(own) && own.spanId !== remote.spanId ? own : remote;
  const inside: Context = trace.setSpan(ROOT_CONTEXT, span);
  const stages = new Map<StageName, Span>();
  return {
    traceparent: formatTraceparent(carried),
    traceId: carried.traceId,
    listen(event) {
      if (event.type === 'stage.started') {
        stages.get(event.stage)?.end(); // it began anew, after a crash
        const details = { 'espalier.stage': event.stage, 'espalier.resumed_from_step': event.resumedFromStep ?? 0 };
        stages.set(event.stage, tracer.startSpan(event.stage, { attributes: details }, inside));
      } else if (event.type === 'stage.finished') {
        stages.get(event.stage)?.setAttribute('espalier.cached', event.cached).end();
        stages.delete(event.stage);
      } else if (event.type === 'checkpoint.saved') {
        span.addEvent('checkpoint saved', { 'espalier.key': event.key, 'espalier.bytes': event.bytes });
      }
    },
    end(outcome, error) {
      for (const stage of stages.values()) stage.end();
      span.setAttribute('espalier.outcome', outcome);
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
      span.end();
    },
  };
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text ?? '');
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return isSpanContextValid(context) ? context : undefined;
}

function newContext(): SpanContext {
  return { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex'), traceFlags: 0 };
}

function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 1).toString(16).padStart(2, '0')}`;
}
