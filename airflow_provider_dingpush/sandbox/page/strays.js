// Requests that belong to no conversation, a wrong token for one: a bar below everything, so that no view hides them.

import { element } from "./elements.js";
import { noteText } from "./notes.js";
import { clockWords } from "./times.js";

const MAX_LINES = 200;

export class Strays {
  #bar;
  #lines = [];

  constructor(bar) {
    this.#bar = bar;
  }

  add(line) {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
  }

  clear() {
    this.#lines = [];
    this.#bar.open = false;
  }

  /** The newest in the bar; all of them when it is opened. */
  draw(words) {
    this.#bar.hidden = this.#lines.length === 0;
    if (this.#bar.hidden) return;
    this.#bar.classList.toggle("tests-only", this.#lines.every(({ kind }) => kind === "tested"));
    this.#bar.querySelector(".strays-count").textContent = words.strays(this.#lines.length);
    this.#bar.querySelector(".strays-newest").replaceChildren(...partsOf(this.#lines.at(-1), words));
    this.drawAll(words);
  }

  drawAll(words) {
    const list = this.#bar.querySelector(".strays-lines");
    if (!this.#bar.open) {
      list.replaceChildren();
      return;
    }
    list.replaceChildren(
      ...this.#lines.map((line) => {
        const item = element("li", `note ${line.kind}`);
        item.append(element("time", "stray-time", clockWords(line.at, words)), ...partsOf(line, words));
        return item;
      }),
    );
    list.scrollTop = list.scrollHeight;
  }
}

function partsOf(line, words) {
  return line.path ? [noteText(line, words), element("code", "stray-path", line.path)] : [noteText(line, words)];
}
