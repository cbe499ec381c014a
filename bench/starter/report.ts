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
  /** Absent from a run that was stopped. */
  readonly whole?: {
    /** Of the judges, on true objects. */
    readonly ceiling: { readonly accuracy: number; readonly iou: number; readonly bothColours: number };
    readonly diversity: number;
    readonly guidance: readonly Readonly<Record<string, number>>[];
  };
}

type Whole = NonNullable<Beside['whole']>;

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

export function evaluationReport(rows: readonly Row[], { revision, whole }: Beside) {
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
  const wrongColours = withMain.filter((row) => !row.colours.main || !bothRight(row.colours));
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const figures = {
    model_revision: revision,
    captions: all,
    complete: whole !== undefined,
    shares: Object.fromEntries(shares.map(({ name, ...rest }) => [name, { ...rest, goal: GOALS[name] }])),
    ...(whole !== undefined && {
      judge_ceiling: {
        accuracy: whole.ceiling.accuracy,
        iou: whole.ceiling.iou,
        both_colours: whole.ceiling.bothColours,
      },
      mean_iou_between_seeds: whole.diversity,
      guidance: whole.guidance,
    }),
    mean_nearest_iou: mean(judged.map((row) => row.shape.iou)),
    mean_own_category_iou: mean(judged.map((row) => row.shape.ownIou)),
    mean_seconds: mean(judged.map((row) => row.seconds)),
    confusions,
    failures,
    wrong_colours: wrongColours.map((row) => ({
      caption: row.caption.caption,
      ...row.colours,
      shares: row.colours.shares.slice(0, 4),
    })),
  };
  return { figures, table, missed, confusions, markdown: whole && markdown(whole) };

  function markdown({ ceiling: { accuracy, iou, bothColours }, diversity, guidance }: Whole): string {
    const guidanceTable = formatTable(
      guidance.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, v.toFixed(3)]))),
    );
    return `# The starter model, evaluated

\`npm run eval:starter -- --save\` on ${all} captions whose combinations of category, colours and words were never
trained on; every one through the whole pipeline to a GLB. Shapes are judged by the nearest of the reference objects
(volumetric IoU at 32^3, boxes aligned: \`judge.ts\`), colours per region of the true object of the same caption (\`colours.ts\`).

\`\`\`
${formatTable(table)}
\`\`\`

The judges' own ceilings, true objects judged in the same way: ${accuracy.toFixed(3)} of categories right, nearest
IoU ${iou.toFixed(3)} (the model's objects: ${figures.mean_nearest_iou.toFixed(3)}); both colours right of ${bothColours.toFixed(3)} (another true
object of the caption held against the first). Mean IoU between seeds of one prompt: ${diversity.toFixed(3)}.

Effect of guidance on the structure (24 captions; one piece: of voxels):

\`\`\`
${guidanceTable}
\`\`\`

Confusions:

\`\`\`
${confusions.join('\n') || 'none'}
\`\`\`

Colours that are not where they were asked for (what is there instead):

\`\`\`
${wrongColours.map(misplaced).join('\n') || 'none'}
\`\`\`
${failures.length > 0 ? `\nFailures:\n\n\`\`\`\n${failures.join('\n')}\n\`\`\`\n` : ''}`;
  }
}

/** A caption, and of each part whose colour is wrong the one that it has. */
function misplaced({ caption, colours: { main, parts, found } }: JudgedRow): string {
  const wrong = Object.keys(parts).filter((part) => !parts[part]);
  const named = wrong.map((part) => `${part}: ${found[part] ?? 'nothing is there'}`);
  return `${caption.caption}   (${[...(main ? [] : ['main']), ...named].join(', ')})`;
}
