/** What all networks share: how they are opened, and the checkpoint that is closed again. */
import {
  Checkpoint,
  type ComputeType,
  type Graph,
  openSession,
  type Session,
  type SessionSettings,
} from '@espalier/onnx';

/** Choices that shape a network's graph beside its config. */
export interface GraphChoices {
  /** Type of the torso. @defaultValue `'float32'` */
  readonly computeType?: ComputeType;
  /** Intermediate values to give out beside the result, by the names that the network's module lists. */
  readonly taps?: readonly string[];
}

export interface NetworkOptions extends SessionSettings, GraphChoices {}

export function graphChoices({ computeType, taps }: NetworkOptions): GraphChoices {
  return { ...(computeType === undefined ? {} : { computeType }), ...(taps === undefined ? {} : { taps }) };
}

/**
 * Builds a graph over a checkpoint and opens it.
 * @throws TerminalError `CHECKPOINT_MISMATCH` naming a weight that is missing, unused or of another shape; as
 *   `Checkpoint.open` and `openSession`.
 */
export async function openNetwork(
  weightsPath: string,
  build: (checkpoint: Checkpoint) => Graph | Promise<Graph>,
  settings: SessionSettings,
): Promise<Session> {
  const checkpoint = await Checkpoint.open(weightsPath);
  try {
    const graph = await build(checkpoint);
    checkpoint.assertAllTaken();
    return await openSession(graph, settings);
  } finally {
    await checkpoint.close();
  }
}
