/**
 * One sample under several conditions at once: what classifier-free guidance asks for at each guided step. Tokens of all
 * conditions lie one behind another, [B * L, C], so that products of matrices have B times as many rows; attention alone
 * sees them apart. Before the first block looks at its condition all B are alike, and are worked out once.
 */
import type { Extent, GraphBuilder, Value } from '@espalier/onnx';

/** How rows are shared out among conditions. */
export interface ConditionBatch {
  /** Has an entry for each condition on its first axis. */
  readonly like: Value;
  /** Rows of each condition. */
  readonly rows: Extent;
}

/** Rows of all conditions. */
export function rowsOfAll({ like, rows }: ConditionBatch): string {
  return `${like.shape[0]}*${rows}`;
}

/** Rows [L, C] that are the same for every condition, as rows of all of them: [B * L, C]. */
export function repeatedRows(g: GraphBuilder, x: Value, batch: ConditionBatch): Value {
  const channels = x.shape[1] as number;
  const repeated = g.repeat(g.reshape(x, [1, batch.rows, channels]), batch.like);
  return g.reshape(repeated, [rowsOfAll(batch), channels]);
}

/** Appends one row of zeros to those of each condition: [B * L, C] to [B * (L + 1), C]. */
export function withZeroRowEach(g: GraphBuilder, x: Value, batch: ConditionBatch): Value {
  const channels = x.shape[1] as number;
  const zeros = g.repeat(g.constant(new Float32Array(channels), [1, 1, channels], x.type), batch.like);
  const padded = g.concat([g.batched(x, batch.like, batch.rows), zeros], 1, `(${batch.rows}+1)`);
  return g.reshape(padded, [`${batch.like.shape[0]}*(${batch.rows}+1)`, channels]);
}

/**
 * A table of rows of one condition, as one of rows of all: [N, ...] to [B * N, ...].
 * @param starts int32 [B]: where each condition's rows begin.
 */
export function shiftedRows(g: GraphBuilder, table: Value, starts: Value, batch: ConditionBatch): Value {
  const [rows, ...rest] = table.shape;
  const ones = [1, ...rest.map(() => 1)];
  const shifted = g.add(
    g.reshape(table, [1, rows as Extent, ...rest]),
    g.reshape(starts, [starts.shape[0] as Extent, ...ones]),
  );
  return g.reshape(shifted, [rowsOfAll({ like: batch.like, rows: rows as Extent }), ...rest]);
}
