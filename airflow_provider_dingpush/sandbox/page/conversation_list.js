// The list of conversations beside the chat, or before it on a phone.

import { previewOf } from "./bubbles.js";
import { hashOf } from "./conversations.js";
import { element, ornament } from "./elements.js";
import { noteWords } from "./notes.js";
import { listTimeWords } from "./times.js";

const PERSON_COLOURS = 5;
const MANY = 99;

export class ConversationList {
  #place;
  #items = new Map();

  constructor(place) {
    this.#place = place;
  }

  /** Show these conversations in this order; items that exist are kept, so that they can be clicked meanwhile. */
  draw(conversations, currentKey, voice) {
    const focused = document.activeElement;
    const keys = new Set(conversations.map(({ key }) => key));
    for (const [key, item] of this.#items) {
      if (!keys.has(key)) {
        item.remove();
        this.#items.delete(key);
      }
    }
    let next = this.#place.firstElementChild;
    for (const conversation of conversations) {
      const item = this.#itemOf(conversation);
      fill(item, conversation, conversation.key === currentKey, voice);
      if (item === next) next = next.nextElementSibling;
      else this.#place.insertBefore(item, next);
    }
    // Moving an element takes the focus from it.
    if (focused !== document.activeElement && this.#place.contains(focused)) focused.focus({ preventScroll: true });
  }

  linkOf(key) {
    return this.#items.get(key)?.firstElementChild;
  }

  #itemOf(conversation) {
    let item = this.#items.get(conversation.key);
    if (item === undefined) {
      item = makeItem(conversation);
      this.#items.set(conversation.key, item);
    }
    return item;
  }
}

/** The picture of a conversation: the group's faces, the person's name, or the sign of work notifications. */
export function avatarOf(conversation) {
  if (conversation.kind === "group") return ornament("group-avatar");
  if (conversation.kind === "notification") return ornament("notification-avatar");
  const name = conversation.name || "?";
  const hue = [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % PERSON_COLOURS;
  return ornament(`person-avatar person-${hue}`, initialsOf(name));
}

/** The newest line of a conversation as a preview, with a mark if it mentions everyone or is an error. */
export function previewLine(conversation, voice) {
  const last = conversation.lines.findLast((line) => line.kind !== "repeated" && line.kind !== "tested");
  const nothing = { at: last?.at, mark: "", text: "" };
  if (last === undefined) return nothing;
  if (last.kind !== "message") return { ...nothing, mark: noteWords(last, voice.words) };
  const sender = conversation.kind === "group" ? `${voice.senderName(last.sender)}: ` : "";
  if (last.recalled) return { ...nothing, text: sender + voice.words.recalledPreview };
  const shown = last.shown;
  try {
    return {
      ...nothing,
      mark: shown.at?.isAtAll === true ? `${voice.words.everyonePreview} ` : "",
      text: sender + previewOf(shown, voice.words),
    };
  } catch {
    // What cannot be previewed is shown raw in the chat; the list stays empty.
    return nothing;
  }
}

export function countWords(count) {
  return count > MANY ? `${MANY}+` : String(count);
}

function makeItem(conversation) {
  const item = element("li");
  const link = element("a", "conversation");
  link.href = hashOf(conversation.key);
  const preview = element("span", "conversation-preview");
  preview.append(element("span", "preview-at"), element("span", "preview"));
  const title = element("span", "conversation-title");
  title.append(element("span", "conversation-name"));
  if (conversation.kind === "notification") title.append(element("span", "notification-tag"));
  link.append(avatarOf(conversation), title, element("time", "conversation-time"), preview, element("span", "unread"));
  item.append(link);
  return item;
}

function fill(item, conversation, isCurrent, voice) {
  const part = (className) => item.querySelector(`.${className}`);
  const link = item.firstElementChild;
  if (isCurrent) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
  part("conversation-name").textContent = conversation.name;
  if (conversation.kind === "notification") part("notification-tag").textContent = voice.words.notifications;
  const { at, mark, text } = previewLine(conversation, voice);
  part("conversation-time").textContent = at === undefined ? "" : listTimeWords(at, voice.words);
  part("preview-at").textContent = mark;
  part("preview").textContent = text;
  const count = voice.unread(conversation);
  part("unread").hidden = count === 0;
  part("unread").textContent = count === 0 ? "" : countWords(count);
  part("unread").setAttribute("aria-label", voice.words.unread(count));
}

/** As DingTalk does it: the last two letters of a Chinese name, the first letters of another's first two words. */
function initialsOf(name) {
  const letters = [...name.trim()];
  if (letters.some((letter) => letter >= "\u2e80")) return letters.slice(-2).join("");
  return name.trim().split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase();
}
