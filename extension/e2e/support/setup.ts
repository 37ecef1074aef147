/** The product and an editor for the tests of one file, and their end. */
import { after, before } from "node:test";
import { Editor, type EditorOptions } from "./editor.ts";
import { Product } from "./product.ts";

/** Free ports follow this one: the product's own is the first, and it uses this + 10,000 and + 11,000, too. */
const PORT = Number(process.env["PORT"] ?? 8000);

export interface Setup {
  readonly product: Product;
  readonly editor: Editor;
}

/** Call it in a `describe`. Its fields can be read in tests only. */
export function setUp(name: string, settings: EditorOptions["settings"] = {}): Setup {
  const product = new Product(PORT);
  const running: { editor?: Editor } = {};
  before(async () => {
    await product.start();
    const options = { name, port: PORT + 20, server: product.url, settings };
    running.editor = await Editor.install(options);
  });
  after(async () => {
    await running.editor?.stop();
    await product.stop();
  });
  return {
    product,
    get editor() {
      if (running.editor === undefined) {
        throw new Error("The editor is not started yet.");
      }
      return running.editor;
    },
  };
}
