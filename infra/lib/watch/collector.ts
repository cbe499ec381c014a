/**
 * From the worker's `/metrics` to CloudWatch: AWS' distribution of the OpenTelemetry collector beside each worker
 * scrapes Prometheus and writes embedded-metric-format logs. The CloudWatch agent can scrape, too, but drops
 * histograms, and the stage times are histograms.
 *
 * Source: opentelemetry-collector-contrib, `receiver/prometheusreceiver`, `processor/cumulativetodeltaprocessor` and
 * `exporter/awsemfexporter`, whose `datapoint.go` turns counters into differences but no histograms: hence the processor.
 */

export const METRICS_NAMESPACE = 'Espalier';
export const METRICS_PORT = 9464;
export const COLLECTOR_IMAGE = 'public.ecr.aws/aws-observability/aws-otel-collector:v0.45.1';

/** Metrics that a dashboard or an alarm looks at, with the labels that become dimensions. Others are not paid for. */
export const COLLECTED = {
  espalier_jobs_total: ['lane', 'outcome'],
  espalier_stage_seconds: ['stage', 'cached'],
  espalier_cache_hits_total: ['stage'],
  espalier_queue_wait_seconds: ['lane'],
  espalier_lease_steals_total: ['lane'],
  espalier_dead_letters_total: ['lane'],
  espalier_gpu_held_seconds: [],
} as const satisfies Record<string, readonly string[]>;

/** The collector's configuration; JSON is YAML. @param logGroup that the metrics are written to */
export function collectorConfig(logGroup: string, region: string): string {
  const config = {
    receivers: {
      prometheus: {
        config: {
          scrape_configs: [
            {
              job_name: 'espalier',
              scrape_interval: '60s',
              static_configs: [{ targets: [`127.0.0.1:${METRICS_PORT}`] }],
              metric_relabel_configs: [
                {
                  source_labels: ['__name__'],
                  regex: `(${Object.keys(COLLECTED).join('|')})(_bucket|_sum|_count)?`,
                  action: 'keep',
                },
              ],
            },
          ],
        },
      },
    },
    processors: {
      // What happened before the first scrape counts: a machine may live for one job only.
      cumulativetodelta: { initial_value: 'keep' },
      batch: { timeout: '60s' },
    },
    exporters: {
      awsemf: {
        namespace: METRICS_NAMESPACE,
        region,
        log_group_name: logGroup,
        dimension_rollup_option: 'NoDimensionRollup',
        metric_declarations: Object.entries(COLLECTED).map(([name, labels]) => ({
          dimensions: [labels],
          metric_name_selectors: [`^${name}$`],
        })),
      },
    },
    service: {
      pipelines: {
        metrics: { receivers: ['prometheus'], processors: ['cumulativetodelta', 'batch'], exporters: ['awsemf'] },
      },
    },
  };
  return JSON.stringify(config);
}
