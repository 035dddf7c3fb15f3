// the bundler reads these as text
declare module "*.md" { const text: string; export default text; }
declare module "*.toml" { const text: string; export default text; }
declare module "*.yaml" { const text: string; export default text; }
declare module "*.scores" { const text: string; export default text; }
declare module "*.sse" { const text: string; export default text; }
