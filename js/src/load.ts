// From where a WebAssembly module comes, in all hosts.

import { TidegateError } from "./errors.js";

/** From where a module is loaded. */
export type ModuleInput =
  | URL
  | string
  | Response
  | Promise<Response>
  | ArrayBuffer
  | ArrayBufferView<ArrayBuffer>
  | WebAssembly.Module;

/** Compiles a module. */
export async function compile(input: ModuleInput): Promise<WebAssembly.Module> {
  try {
    const source = await input;
    if (source instanceof WebAssembly.Module) return source;
    if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
      return await WebAssembly.compile(source);
    }
    if (typeof source === "string" || source instanceof URL) {
      // as in `fetch`: what is relative is so to the page
      const url = new URL(source, globalThis.location?.href);
      return await (url.protocol === "file:" ? fromFile(url) : fromResponse(await fetch(url)));
    }
    if (typeof Response !== "undefined" && source instanceof Response) {
      return await fromResponse(source);
    }
  } catch (cause) {
    if (cause instanceof TidegateError) throw cause;
    throw new TidegateError("bad_module", `the module could not be loaded: ${String(cause)}`, { cause });
  }
  throw new TidegateError("bad_module", "a module is a URL, a Response, bytes or a WebAssembly.Module");
}

async function fromFile(url: URL): Promise<WebAssembly.Module> {
  // the name is hidden from bundlers for browsers, which have no files
  const files = (await import(/* @vite-ignore */ /* webpackIgnore: true */ ["node:fs", "promises"].join("/"))) as {
    readFile(url: URL): Promise<Uint8Array<ArrayBuffer>>;
  };
  return WebAssembly.compile(await files.readFile(url));
}

async function fromResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) {
    const { status, url } = response;
    throw new TidegateError("bad_module", `the module could not be loaded: ${status} of ${url}`);
  }
  // some servers do not know the type, and streaming insists on it
  const type = response.headers.get("content-type") ?? "";
  if (typeof WebAssembly.compileStreaming === "function" && type.startsWith("application/wasm")) {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}
