// One conversation's lines from top to bottom, with the newest kept in view.

import { bubbleOf, previewOf } from "./bubbles.js";
import { element, ornament } from "./elements.js";
import { noteText } from "./notes.js";
import { clockWords, dayOf, timeWords } from "./times.js";

const MAX_ITEMS = 1000;
const SEPARATOR_SECONDS = 300;
const NEAR_BOTTOM_PIXELS = 80;

export class Timeline {
  #scroller;
  #list;
  #newest;
  #previous = null;
  #items = 0;
  #top = 0;
  #followsNewest = true;

  constructor(scroller, list, newest) {
    this.#scroller = scroller;
    this.#list = list;
    this.#newest = newest;
    scroller.addEventListener("scroll", () => {
      // Only who went up has left the newest: a picture that grew meanwhile moves it away from everybody.
      const wentUp = scroller.scrollTop < this.#top;
      const isNear = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_BOTTOM_PIXELS;
      this.#top = scroller.scrollTop;
      if (isNear) newest.hidden = true;
      if (isNear || wentUp) this.#followsNewest = isNear;
    });
    // Pictures grow when they arrive. "load" does not bubble, but it can be caught on its way down.
    scroller.addEventListener("load", () => this.follow(), true);
    new ResizeObserver(() => this.follow()).observe(scroller);
    newest.addEventListener("click", () => this.#scrollToNewest());
  }

  /** Show these lines instead of all others. */
  show(lines, voice) {
    this.#list.replaceChildren();
    this.#previous = null;
    this.#items = 0;
    for (const line of lines) this.#draw(line, voice);
    this.#scrollToNewest();
  }

  /** Show one more line. */
  add(line, voice) {
    this.#draw(line, voice);
    if (this.#items > MAX_ITEMS) {
      this.#list.querySelector(":scope > .message, :scope > .note").remove();
      this.#items -= 1;
    }
    if (!this.#followsNewest) this.#newest.hidden = false;
  }

  /** Draw a line anew that is shown already. */
  redraw(line, voice) {
    this.#list.querySelector(`:scope > [data-number="${line.number}"]`)?.replaceWith(message(line, voice));
  }

  /** Keep the newest in view for a reader who has not scrolled away from it. */
  follow() {
    if (this.#followsNewest) this.#scrollToNewest();
  }

  #draw(line, voice) {
    const previous = this.#previous;
    if (previous === null || line.at - previous.at >= SEPARATOR_SECONDS || dayOf(line.at) !== dayOf(previous.at)) {
      this.#list.append(separator(line.at, voice.words));
    }
    this.#list.append(line.kind === "message" ? message(line, voice) : note(line, voice.words));
    this.#items += 1;
    this.#previous = line;
  }

  #scrollToNewest() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
    this.#followsNewest = true;
    this.#newest.hidden = true;
  }
}

function separator(at, words) {
  const item = element("li", "separator");
  const time = element("time", "", timeWords(at, words));
  time.dateTime = new Date(at * 1000).toISOString();
  item.append(time);
  return item;
}

function message(line, { words, senderName }) {
  const { sender } = line;
  const item = element("li", "message");
  item.dataset.number = line.number;
  item.dataset.msgtype = line.shown.msgtype;
  const avatar = ornament(`avatar hue-${sender.number % 4}`);
  const tag = element("span", "robot-tag", words.senderTags[sender.kind]);
  tag.title = words.senderKinds[sender.kind];
  if (sender.kind === "app") {
    avatar.classList.add("app-avatar");
    tag.classList.add("app-tag");
  }
  const head = element("p", "sender");
  head.append(
    element("span", "sender-name", senderName(sender)),
    tag,
    element("time", "sender-time", clockWords(line.at, words)),
  );
  const column = element("div", "column");
  column.append(head, line.recalled ? recalledBubble(line, words) : bubbleOrRaw(line, words), raw(line.payload, words));
  item.append(avatar, column);
  return item;
}

function bubbleOrRaw(line, words) {
  let bubble;
  try {
    bubble = bubbleOf(line.shown, words);
    if (line.shown.msgtype === "markdown" || line.shown.msgtype === "actionCard") {
      bubble.title = words.previewOf + previewOf(line.shown, words);
    }
  } catch {
    bubble = element("pre", "bubble", JSON.stringify(line.payload, null, 2));
  }
  bubble.dir = "auto";
  return bubble;
}

/** DingTalk keeps no trace of it; here it can still be opened, since a sandbox is for looking. */
function recalledBubble(line, words) {
  const details = element("details", "recalled");
  details.append(element("summary", "", words.recalled));
  details.addEventListener("toggle", () => details.append(bubbleOrRaw(line, words)), { once: true });
  return details;
}

function raw(payload, words) {
  const details = element("details", "raw");
  const summary = element("summary", "", "{ }");
  summary.setAttribute("aria-label", words.raw);
  details.append(summary);
  // Filled when opened: most are never looked at.
  details.addEventListener("toggle", () => details.append(element("pre", "", JSON.stringify(payload, null, 2))), {
    once: true,
  });
  return details;
}

function note(line, words) {
  const item = element("li", `note ${line.kind}${line.passed ? " passed" : ""}`);
  item.append(noteText(line, words));
  return item;
}
