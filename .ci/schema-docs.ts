/** What the sources say of each field: the JSDoc above the properties of exported schemas. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** Field descriptions by the name of the constant that holds the schema. */
export function fieldDocs(folder: string): Map<string, Map<string, string>> {
  const docs = new Map<string, Map<string, string>>();
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.ts')) continue;
    const source = ts.createSourceFile(name, readFileSync(join(folder, name), 'utf8'), ts.ScriptTarget.Latest, true);
    for (const statement of source.statements) {
      if (!ts.isVariableStatement(statement)) continue;
      for (const declaration of statement.declarationList.declarations) {
        const literal = declaration.initializer && firstLiteral(declaration.initializer);
        if (literal) docs.set(declaration.name.getText(), propertyDocs(literal));
      }
    }
  }
  return docs;
}

/** The object that is given to `z.object(...)`, `z.strictObject(...)`, or stands by itself. */
function firstLiteral(node: ts.Expression): ts.ObjectLiteralExpression | undefined {
  if (ts.isObjectLiteralExpression(node)) return node;
  if (!ts.isCallExpression(node)) return undefined;
  const [argument] = node.arguments;
  if (argument && ts.isObjectLiteralExpression(argument)) return argument;
  return ts.isPropertyAccessExpression(node.expression) ? firstLiteral(node.expression.expression) : undefined;
}

function propertyDocs(literal: ts.ObjectLiteralExpression): Map<string, string> {
  const docs = new Map<string, string>();
  for (const property of literal.properties) {
    const text = ts
      .getJSDocCommentsAndTags(property)
      .map((doc) => (typeof doc.comment === 'string' ? doc.comment : ''))
      .join(' ')
      .replace(/\s+/g, ' ')
      .trim();
    if (text !== '' && property.name) docs.set(property.name.getText(), text);
  }
  return docs;
}
