/** Line numbers of the policy, and the mark on the line that has an error. */
import { the } from "./dom.js";

const LINE = 20; // px, as in the style sheet

/** Where a line and a column (both from 1, in characters) are in the text, in UTF-16 units. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const characters = [...(lines[line - 1] ?? "")];
  return Math.min(text.length, before + characters.slice(0, column - 1).join("").length);
}

export class Editor {
  readonly #field = the<HTMLTextAreaElement>("policy");
  readonly #lines = the("policy-lines");
  readonly #mark = the("policy-mark");
  #wrong: number | undefined;

  constructor() {
    this.#field.addEventListener("scroll", () => this.#place());
    the("policy-error").addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("[data-line]");
      if (button) this.goTo(Number(button.dataset.line), Number(button.dataset.column));
    });
  }

  /** Numbers the lines anew, and marks one of them. */
  update(wrong?: number): void {
    this.#wrong = wrong;
    const count = this.#field.value.split("\n").length;
    if (this.#lines.childElementCount !== count) {
      this.#lines.replaceChildren(...Array.from({ length: count }, (_, index) => {
        const line = document.createElement("div");
        line.textContent = String(index + 1);
        return line;
      }));
    }
    [...this.#lines.children].forEach((line, index) => line.classList.toggle("wrong", index + 1 === wrong));
    this.#mark.hidden = wrong === undefined;
    this.#place();
  }

  /** Puts the cursor there. */
  goTo(line: number, column: number): void {
    const at = offsetOf(this.#field.value, line, column);
    this.#field.focus();
    this.#field.setSelectionRange(at, at);
    this.#field.scrollTop = Math.max(0, (line - 4) * LINE);
  }

  #place(): void {
    const { scrollTop } = this.#field;
    this.#lines.style.transform = `translateY(${-scrollTop}px)`;
    if (this.#wrong !== undefined) this.#mark.style.transform = `translateY(${(this.#wrong - 1) * LINE - scrollTop}px)`;
  }
}
