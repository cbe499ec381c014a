/** Entry of the inference process. */
import { ModelMethods } from './model-methods.ts';
import { serve } from './serve.ts';

serve(new ModelMethods().handlers);
