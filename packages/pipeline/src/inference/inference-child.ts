/** Entry of the inference process. */
import { ModelMethods } from './model-methods.ts';
import { serve } from './serve.ts';

const methods = new ModelMethods();
serve({
  open: (args) => methods.open(args),
  encode_text: (args) => methods.encodeText(args),
  sample_structure: (args, context) => methods.sampleStructure(args, context),
  sample_latent: (args, context) => methods.sampleLatent(args, context),
  decode: (args, context) => methods.decode(args, context),
});
