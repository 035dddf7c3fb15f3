// The contract cases, from the repository, for hosts that Node starts.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const folder = fileURLToPath(new URL("../../fixtures", import.meta.url));

/** All cases, by name: `{ name, text }`. */
export function caseFiles() {
  const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => ({
    name: name.replaceAll("\\", "/"),
    text: readFileSync(join(folder, name), "utf8"),
  }));
}
