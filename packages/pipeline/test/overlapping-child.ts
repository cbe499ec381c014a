/** The inference process as it works on a GPU, wherever its networks run: the next call begins while a mesh is extracted. */
import { ModelMethods } from '../src/inference/model-methods.ts';
import { serve } from '../src/inference/serve.ts';

serve(new ModelMethods({ overlapsOn: () => true }).handlers);
