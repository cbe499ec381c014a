/** Exit code 0 while the worker answers at its metrics port; where none is set, while it runs at all. */
const port = process.env.ESPALIER_METRICS_PORT;
if (port) {
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(4000) }).catch(
    () => undefined,
  );
  process.exitCode = answer?.ok ? 0 : 1;
}
