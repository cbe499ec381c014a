import { TerminalError } from '@espalier/contracts';

/** A mistake in the code that builds a graph: shapes or types that do not fit, a name used twice. */
export class GraphError extends TerminalError {
  override readonly name = 'GraphError';

  constructor(message: string) {
    super(message, { code: 'GRAPH_INVALID' });
  }
}
