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

/** Graphs of one network: how weights are held is decided by all of them together. */
export function asOneNetwork<K extends string>(graphs: Readonly<Record<K, Graph>>): Record<K, Graph> {
  const all = Object.entries<Graph>(graphs);
  const weightBytes = all.reduce((sum, [, graph]) => sum + graph.weightBytes, 0);
  return Object.fromEntries(all.map(([name, graph]) => [name, { ...graph, weightBytes }])) as Record<K, Graph>;
}

/**
 * Builds the graph of a network over its checkpoint and opens it.
 * @throws TerminalError as `openGraphs`.
 */
export async function openNetwork(
  weightsPath: string,
  build: (checkpoint: Checkpoint) => Graph | Promise<Graph>,
  settings: SessionSettings,
): Promise<Session> {
  const { network } = await openGraphs(
    weightsPath,
    async (checkpoint) => ({ network: await build(checkpoint) }),
    settings,
  );
  return network;
}

/**
 * As `openNetwork`, for a network that is run in several graphs over one checkpoint.
 * @throws TerminalError `CHECKPOINT_MISMATCH` naming a weight that is missing, unused or of another shape; as
 *   `Checkpoint.open` and `openSession`.
 */
export async function openGraphs<K extends string>(
  weightsPath: string,
  build: (checkpoint: Checkpoint) => Promise<Readonly<Record<K, Graph>>>,
  settings: SessionSettings,
): Promise<Record<K, Session>> {
  const checkpoint = await Checkpoint.open(weightsPath);
  const sessions: Partial<Record<K, Session>> = {};
  try {
    const graphs = await build(checkpoint);
    checkpoint.assertAllTaken();
    for (const name of Object.keys(graphs) as K[]) sessions[name] = await openSession(graphs[name], settings);
    return sessions as Record<K, Session>;
  } catch (error) {
    for (const session of Object.values(sessions) as Session[]) await session.release();
    throw error;
  } finally {
    await checkpoint.close();
  }
}
