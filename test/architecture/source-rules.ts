import ts from 'typescript';
import type { SourceFile } from './source-tree.js';

/** What a rule has against a file: one text per place, beginning with `path:line`. */
export type Rule = (file: SourceFile) => string[];

function at(file: SourceFile, node: ts.Node, reason: string): string {
  const { line } = file.syntax.getLineAndCharacterOfPosition(node.getStart());
  return `${file.path}:${line + 1} ${reason}`;
}

function everyNode(file: SourceFile, visit: (node: ts.Node) => void): void {
  const walk = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, walk);
  };
  walk(file.syntax);
}

/** Only main.ts files read `process`: everything else gets arguments, environment and exit codes handed in. */
export const noProcess: Rule = (file) => {
  if (file.path.endsWith('/main.ts')) return [];
  const found = file.imports
    .filter(({ specifier }) => specifier === 'node:process' || specifier === 'process')
    .map(({ specifier }) => `${file.path} imports ${specifier}`);
  const walk = (node: ts.Node): void => {
    if (bindsProcess(node)) return;
    if (ts.isIdentifier(node) && node.text === 'process' && isReference(node)) {
      found.push(at(file, node, `reads ${node.parent.getText().slice(0, 60)}`));
    }
    ts.forEachChild(node, walk);
  };
  walk(file.syntax);
  return found;
};

/** A function or block in which `process` is a name of its own. */
function bindsProcess(node: ts.Node): boolean {
  const named = (name: ts.BindingName): boolean =>
    ts.isIdentifier(name)
      ? name.text === 'process'
      : name.elements.some((element) => ts.isBindingElement(element) && named(element.name));
  if (ts.isFunctionLike(node)) return node.parameters.some((parameter) => named(parameter.name));
  if (!ts.isBlock(node)) return false;
  return node.statements.some(
    (statement) =>
      ts.isVariableStatement(statement) && statement.declarationList.declarations.some(({ name }) => named(name)),
  );
}

function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return !(
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isBindingElement(parent) ||
    ts.isParameter(parent) ||
    ts.isTypeReferenceNode(parent) ||
    ts.isQualifiedName(parent)
  );
}

const TIMERS = new Set(['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval']);
const TIME_MEMBERS = new Set(['Date.now', 'performance.now', 'AbortSignal.timeout']);

/** Only runtime/clock.ts reads time or waits: everything else gets a Clock. */
export const noTime: Rule = (file) => {
  if (file.path === 'src/runtime/clock.ts') return [];
  const found = file.imports
    .filter(({ specifier }) => /^(node:)?(timers|perf_hooks)(\/|$)/.test(specifier))
    .map(({ specifier }) => `${file.path} imports ${specifier}`);
  everyNode(file, (node) => {
    if (ts.isCallExpression(node) && TIMERS.has(node.expression.getText())) {
      found.push(at(file, node, `calls ${node.expression.getText()}`));
    } else if (ts.isPropertyAccessExpression(node) && TIME_MEMBERS.has(node.getText())) {
      found.push(at(file, node, `uses ${node.getText()}`));
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) {
      found.push(at(file, node, 'reads the time with new Date()'));
    }
  });
  return found;
};

/** Only telemetry names a metric; the family that every gRPC server has is named where calls are counted. */
export const noMetricNames: Rule = (file) => {
  if (/\/telemetry\/metrics[^/]*\.ts$/.test(file.path)) return [];
  const own = file.path === 'src/runtime/rpc-metrics.ts' ? /^spirl_[a-z_]+$/ : /^(spirl|grpc_server)_[a-z_]+$/;
  const found: string[] = [];
  everyNode(file, (node) => {
    if (
      (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateHead(node)) &&
      own.test(node.text)
    ) {
      found.push(at(file, node, `names the metric ${node.text}`));
    }
  });
  return found;
};

/** Importing a module does nothing but define names; only main.ts files act. */
export const noSideEffects: Rule = (file) => {
  if (file.path.endsWith('/main.ts')) return [];
  const acts = file.syntax.statements.filter(
    (statement) =>
      ts.isExpressionStatement(statement) ||
      ts.isIfStatement(statement) ||
      ts.isIterationStatement(statement, false) ||
      ts.isTryStatement(statement),
  );
  const bare = file.path === 'src/runtime/x509.ts' ? [] : file.imports.filter((i) => i.bare);
  return [
    ...acts.map((statement) => at(file, statement, `acts at import: ${statement.getText().slice(0, 60)}`)),
    ...bare.map(({ specifier }) => `${file.path} imports ${specifier} for its side effects`),
  ];
};

/** A name has one home: no `export … from` of our own files. A wrapper around a package is not a barrel. */
export const noBarrels: Rule = (file) =>
  file.imports
    .filter(({ reExport, target }) => reExport && target !== undefined)
    .map(({ specifier }) => `${file.path} re-exports ${specifier}`);

/** Names are imported by name. */
export const noDefaultExports: Rule = (file) =>
  file.syntax.statements
    .filter(
      (statement) =>
        ts.isExportAssignment(statement) ||
        (ts.canHaveModifiers(statement) &&
          ts.getModifiers(statement)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)),
    )
    .map((statement) => at(file, statement, 'has a default export'));

const VAGUE = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'manager', 'index', 'types', 'shared']);

/** Files are named after the thing or the act, in kebab-case. */
export const goodNames: Rule = (file) => {
  const name =
    file.path
      .split('/')
      .at(-1)
      ?.replace(/(\.test|\.d)?\.ts$/, '') ?? '';
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return [`${file.path} is not in kebab-case`];
  return VAGUE.has(name) ? [`${file.path} says nothing about what is in it`] : [];
};
