/** The OpenAPI document as people read it: each schema once, under its own name. */

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;

/**
 * The generator writes every schema twice, as input and as output, and bounds every integer by what a double can
 * hold. Schemas that nothing refers to go; an input that is alone, or the same as the output, takes the plain name.
 */
export function tidyOpenapi(document: object): Record<string, unknown> {
  const copy = JSON.parse(JSON.stringify(document), (_key, value: Json) => withoutSafeBounds(value)) as {
    components: { schemas: Record<string, Json> };
  };
  const { schemas } = copy.components;
  for (let before = -1; before !== Object.keys(schemas).length; ) {
    before = Object.keys(schemas).length;
    const text = JSON.stringify(copy);
    for (const name of Object.keys(schemas)) if (!text.includes(`"${ref(name)}"`)) delete schemas[name];
  }
  let text = JSON.stringify(copy);
  for (const name of Object.keys(schemas).filter((each) => each.endsWith('Input'))) {
    const plain = name.slice(0, -'Input'.length);
    if (plain === '' || (plain in schemas && JSON.stringify(schemas[plain]) !== JSON.stringify(schemas[name])))
      continue;
    text = text.replaceAll(`"${ref(name)}"`, `"${ref(plain)}"`).replace(`"${name}":{`, `"${plain}":{`);
  }
  return JSON.parse(text);
}

const ref = (name: string) => `#/components/schemas/${name}`;

function withoutSafeBounds(value: Json): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (value.minimum === Number.MIN_SAFE_INTEGER) delete value.minimum;
  if (value.maximum === Number.MAX_SAFE_INTEGER) delete value.maximum;
  return value;
}
