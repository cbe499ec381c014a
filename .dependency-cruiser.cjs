/**
 * The architecture as a check: an import may only point to a lower floor.
 * contracts <- tensors, storage, queue <- onnx, geometry <- trellis <- pipeline, weights <- services
 */
const floors = [
  ['contracts'],
  ['tensors', 'storage', 'queue'],
  ['onnx', 'geometry'],
  ['trellis'],
  ['pipeline', 'weights'],
];

const rules = [];
for (const [floor, names] of floors.entries()) {
  for (const name of names) {
    const forbidden = floors
      .slice(floor)
      .flat()
      .filter((other) => other !== name);
    const above = [`^services/`, `^infra/`, `^bench/`];
    if (forbidden.length > 0) above.push(`^packages/(${forbidden.join('|')})/`);
    rules.push({
      name: `${name}-points-down`,
      comment: `packages/${name} stands on floor ${floor}: it may import lower floors only`,
      severity: 'error',
      from: { path: `^packages/${name}/` },
      to: { path: above },
    });
  }
}

module.exports = {
  forbidden: [
    ...rules,
    {
      name: 'services-stand-on-packages',
      comment: 'nothing in services is imported by infra, and benchmarks stay out of services',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: ['^bench/', '^infra/'] },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-deep-imports',
      comment: "another package's inside is private: import its index",
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/[^/]+/src/(?!index\\.ts$)', pathNot: '^packages/$1/' },
    },
    {
      name: 'threads-run-no-networks',
      comment: 'a thread that is ended in the middle of a run of ONNX Runtime takes its process along',
      severity: 'error',
      from: { path: '^packages/pipeline/src/cpu/cpu-thread\\.ts$' },
      to: { path: '(^packages/onnx/|node_modules/onnxruntime-)', reachable: true },
    },
    {
      name: 'not-to-dev-dep',
      comment: 'what a service needs at run time must be a dependency, not a devDependency',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: '\\.test\\.ts$|/test/' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(node_modules|cdk\\.out|/goldens/)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
