/** Resolves the module "vscode" to the stub: outside of an editor there is none. */
import { registerHooks } from "node:module";

const stub = new URL("./stub.ts", import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    return specifier === "vscode" ? { url: stub, shortCircuit: true } : next(specifier, context);
  },
});
