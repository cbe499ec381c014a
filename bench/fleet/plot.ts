/** The outcomes as a picture: dollars, waiting and GPU time per asset, by jobs a day. */
import type { Outcome } from './simulate.ts';

export interface Series {
  readonly name: string;
  /** One for each volume. */
  readonly outcomes: readonly Outcome[];
}

const COLOURS = ['#9b2226', '#ca6702', '#94a1b2', '#0a9396', '#005f73'];
const WIDTH = 1080;
const PANEL = { width: 310, height: 230, top: 70, left: 60, gap: 45 };

interface Panel {
  readonly title: string;
  readonly value: (outcome: Outcome) => number;
  readonly format: (value: number) => string;
  /** A second, hollow mark above the bar. */
  readonly upper?: (outcome: Outcome) => number;
  /** From zero, instead of by decades. */
  readonly linear?: true;
}

const PANELS: readonly Panel[] = [
  {
    title: 'dollars per asset',
    value: (o) => o.dollarsPerAsset,
    format: (v) => `$${Number(v.toPrecision(1))}`,
  },
  {
    title: 'seconds to the asset: median, line at p99',
    value: (o) => o.p50,
    upper: (o) => o.p99,
    format: (v) => v.toFixed(0),
  },
  {
    title: 'GPU seconds of work per asset',
    value: (o) => o.gpuBusyPerAsset,
    format: (v) => v.toFixed(0),
    linear: true,
  },
];

/** @param volumes jobs a day */
export function plot(volumes: readonly number[], series: readonly Series[], note: string): string {
  const height = PANEL.top + PANEL.height + 60 + series.length * 20 + 40;
  const parts = PANELS.map((panel, index) => draw(panel, index, volumes, series));
  const legend = series.map(({ name }, index) => {
    const y = PANEL.top + PANEL.height + 62 + index * 20;
    return `<rect x="60" y="${y - 11}" width="14" height="14" fill="${COLOURS[index]}"/><text x="82" y="${y}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13"><title>A fleet's days, simulated</title>
<rect width="${WIDTH}" height="${height}" fill="white"/>
<text x="60" y="30" font-size="17" font-weight="bold">A fleet's days, simulated</text>
${parts.join('\n')}
${legend.join('\n')}
<text x="60" y="${height - 14}" fill="#555">${note}</text>
</svg>
`;
}

function draw(panel: Panel, index: number, volumes: readonly number[], series: readonly Series[]): string {
  const left = PANEL.left + index * (PANEL.width + PANEL.gap);
  const values = series.flatMap(({ outcomes }) => outcomes.flatMap((o) => [panel.value(o), panel.upper?.(o) ?? 0]));
  const positive = values.filter((value) => value > 0);
  const { marks, share } = panel.linear ? linear(Math.max(...positive)) : decades(positive);
  const y = (value: number) => PANEL.top + PANEL.height * (1 - share(value));
  const bottom = PANEL.top + PANEL.height;
  const out = [`<text x="${left}" y="${PANEL.top - 14}" font-weight="bold">${panel.title}</text>`];
  for (const mark of marks) {
    const at = y(mark);
    out.push(`<line x1="${left}" x2="${left + PANEL.width}" y1="${at}" y2="${at}" stroke="#ddd"/>`);
    out.push(`<text x="${left - 6}" y="${at + 4}" text-anchor="end" fill="#555">${panel.format(mark)}</text>`);
  }
  const group = PANEL.width / volumes.length;
  const bar = (group - 16) / series.length;
  for (const [v, volume] of volumes.entries()) {
    for (const [s, { outcomes }] of series.entries()) {
      const outcome = outcomes[v];
      if (outcome === undefined) continue;
      const x = left + v * group + 8 + s * bar;
      const top = y(panel.value(outcome));
      out.push(`<rect x="${x}" y="${top}" width="${bar - 2}" height="${bottom - top}" fill="${COLOURS[s]}"/>`);
      if (panel.upper === undefined) continue;
      const upper = y(panel.upper(outcome));
      out.push(
        `<line x1="${x}" x2="${x + bar - 2}" y1="${upper}" y2="${upper}" stroke="${COLOURS[s]}" stroke-width="3"/>`,
      );
    }
    const middle = left + v * group + group / 2;
    out.push(`<text x="${middle}" y="${bottom + 18}" text-anchor="middle">${volume.toLocaleString('en')} a day</text>`);
  }
  return out.join('\n');
}

interface Scale {
  readonly marks: readonly number[];
  /** Of the panel's height. */
  readonly share: (value: number) => number;
}

function decades(values: readonly number[]): Scale {
  const low = Math.floor(Math.log10(Math.min(...values) * 0.8));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  return {
    marks: Array.from({ length: high - low + 1 }, (_unused, index) => 10 ** (low + index)),
    share: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low),
  };
}

function linear(most: number): Scale {
  const top = Math.ceil(most / 10) * 10;
  return { marks: Array.from({ length: top / 10 + 1 }, (_unused, index) => index * 10), share: (value) => value / top };
}
