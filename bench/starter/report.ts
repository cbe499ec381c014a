/** Rows of the evaluation -> shares, goals, confusions, as a table and as figures. */
import { formatTable } from '../report.ts';
import type { Caption } from './captions.ts';
import { bothRight, type ColourVerdict } from './colours.ts';
import type { Verdict } from './judge.ts';

/** What is found of one caption, plain JSON. */
export type Judged = JudgedAsset | { readonly failure: string };

interface JudgedAsset {
  readonly failure?: undefined;
  readonly shape: Verdict;
  readonly colours: ColourVerdict;
  readonly valid: boolean;
  readonly components: number;
  readonly watertight: boolean;
  readonly seconds: number;
  readonly unknownWords: readonly string[];
}
type JudgedRow = JudgedAsset & { readonly caption: Caption };
type Row = Judged & { readonly caption: Caption };

interface Beside {
  /** Of the model. */
  readonly revision: string;
  readonly ceiling: { readonly accuracy: number; readonly iou: number };
  readonly diversity: number;
  readonly guidance: readonly Readonly<Record<string, number>>[];
}

/** Least share that the starter model, trained on a GPU, must reach. */
const GOALS: Readonly<Record<string, number>> = {
  'category right': 0.97,
  'main colour right': 0.95,
  'both colours right': 0.85,
  'one component where there should be': 0.85,
  watertight: 0.95,
  'valid GLB': 1,
  'not empty': 1,
};

export function evaluationReport(rows: readonly Row[], beside: Beside) {
  const judged = rows.filter((row): row is JudgedRow => row.failure === undefined);
  const all = rows.length;
  const share = (right: number, of: number): number => (of === 0 ? 1 : right / of);
  const withMain = judged.filter((row) => row.colours.main !== undefined);
  const withParts = judged.filter((row) => row.colours.main !== undefined && Object.keys(row.colours.parts).length > 0);
  const single = judged.filter((row) => row.caption.one_component);
  const empty = rows.filter((row) => row.failure?.startsWith('STRUCTURE_EMPTY')).length;
  const count = (name: string, right: number, of: number) => ({ name, right, of, share: share(right, of) });
  const shares = [
    count('category right', judged.filter((row) => row.shape.category === row.caption.category).length, all),
    count('main colour right', withMain.filter((row) => row.colours.main).length, withMain.length),
    count('both colours right', withParts.filter((row) => bothRight(row.colours)).length, withParts.length),
    count('one component where there should be', single.filter((row) => row.components === 1).length, single.length),
    count('watertight', judged.filter((row) => row.watertight).length, all),
    count('valid GLB', judged.filter((row) => row.valid).length, all),
    count('not empty', all - empty, all),
  ];
  const table = shares.map(({ name, right, of, share: value }) => ({
    figure: name,
    right: `${right} of ${of}`,
    share: value.toFixed(3),
    goal: (GOALS[name] ?? 0).toFixed(2),
  }));
  const missed = shares
    .filter((row) => row.share < (GOALS[row.name] ?? 0))
    .map((row) => `${row.name}: ${row.share.toFixed(3)}`);
  const confusions = judged
    .filter((row) => row.shape.category !== row.caption.category)
    .map((row) => `${row.caption.category} -> ${row.shape.category}   (${row.caption.caption})`);
  const failures = rows.flatMap((row) => (row.failure === undefined ? [] : [`${row.caption.caption}: ${row.failure}`]));
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const figures = {
    model_revision: beside.revision,
    captions: all,
    shares: Object.fromEntries(shares.map(({ name, ...rest }) => [name, { ...rest, goal: GOALS[name] }])),
    judge_ceiling: beside.ceiling,
    mean_nearest_iou: mean(judged.map((row) => row.shape.iou)),
    mean_own_category_iou: mean(judged.map((row) => row.shape.ownIou)),
    mean_iou_between_seeds: beside.diversity,
    mean_seconds: mean(judged.map((row) => row.seconds)),
    guidance: beside.guidance,
    confusions,
    failures,
    wrong_colours: withMain
      .filter((row) => !row.colours.main || !bothRight(row.colours))
      .map((row) => ({ caption: row.caption.caption, ...row.colours, shares: row.colours.shares.slice(0, 4) })),
  };
  return { figures, table, missed, confusions, markdown: markdown() };

  function markdown(): string {
    const { accuracy, iou } = beside.ceiling;
    const guidanceTable = formatTable(
      beside.guidance.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, v.toFixed(3)]))),
    );
    return `# The starter model, evaluated

\`npm run eval:starter -- --save\` on ${all} captions whose combinations of category, colours and words were never
trained on; every one through the whole pipeline to a GLB. Shapes are judged by the nearest of the reference objects
(volumetric IoU at 32^3, boxes aligned: \`judge.ts\`), colours per region of the true object of the same caption (\`colours.ts\`).

\`\`\`
${formatTable(table)}
\`\`\`

The judge's own ceiling, fresh true objects judged in the same way: ${accuracy.toFixed(3)} of categories right, nearest
IoU ${iou.toFixed(3)} (the model's objects: ${figures.mean_nearest_iou.toFixed(3)}). Mean IoU between seeds of one prompt:
${beside.diversity.toFixed(3)}.

Effect of guidance on the structure (24 captions; one piece: of voxels):

\`\`\`
${guidanceTable}
\`\`\`

Confusions:

\`\`\`
${confusions.join('\n') || 'none'}
\`\`\`
${failures.length > 0 ? `\nFailures:\n\n\`\`\`\n${failures.join('\n')}\n\`\`\`\n` : ''}`;
  }
}
