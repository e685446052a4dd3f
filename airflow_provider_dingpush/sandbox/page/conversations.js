// The conversations: the lines of each, which of them are unread, and the address of each on this page.

const MAX_LINES = 1000;
const READ_KEY = "dingtalk-sandbox-read";
const COUNTED = new Set(["message", "refused", "fault", "ding", "todo"]);

export class Conversations {
  #session = null;
  #known = [];
  #all = new Map();
  #names = new Map();
  #read = {};

  /** Begin with the conversations that exist before the first message; a new session forgets the old lines. */
  begin(session, known) {
    this.#known = known;
    if (this.#session !== session) {
      this.#session = session;
      this.#all.clear();
      this.#names.clear();
      this.#read = storedRead(session);
    }
    for (const about of known) this.#need(about);
  }

  /** Forget all lines, and the conversations that were there because of them. */
  clear() {
    this.#all.clear();
    this.#read = {};
    storeRead(this.#session, this.#read);
    for (const about of this.#known) if (about.kind === "group") this.#need(about);
  }

  add(line) {
    const conversation = this.#need(line.conversation);
    conversation.lines.push(line);
    if (conversation.lines.length > MAX_LINES) conversation.lines.shift();
  }

  /** Give the message of that line other properties and return it; undefined if it is no longer kept. */
  change(key, number, properties) {
    const line = this.get(key)?.lines.find((one) => one.number === number);
    return line && Object.assign(line, properties);
  }

  get(key) {
    return this.#all.get(key);
  }

  /** The same for one that may come to be, so that its page can be opened before its first message. */
  getOrExpect(key) {
    const [kind, ...id] = key.split(":");
    return this.get(key) ?? { key, kind, name: this.#names.get(key) ?? id.join(":"), lines: [] };
  }

  /** All of them, the one with the newest line first; those without lines last. */
  sorted() {
    const newest = (conversation) => conversation.lines.at(-1)?.number ?? 0;
    return [...this.#all.values()].sort((one, other) => newest(other) - newest(one));
  }

  /** How many lines came since the conversation was last on the screen. */
  unread(conversation) {
    const read = this.#read[conversation.key] ?? 0;
    let count = 0;
    for (let index = conversation.lines.length - 1; index >= 0 && conversation.lines[index].number > read; index -= 1) {
      if (COUNTED.has(conversation.lines[index].kind)) count += 1;
    }
    return count;
  }

  markRead(conversation) {
    const last = conversation.lines.at(-1)?.number ?? 0;
    if ((this.#read[conversation.key] ?? 0) >= last) return;
    this.#read[conversation.key] = last;
    storeRead(this.#session, this.#read);
  }

  #need(about) {
    let conversation = this.#all.get(about.key);
    if (conversation === undefined) {
      conversation = { ...about, lines: [] };
      this.#all.set(about.key, conversation);
      this.#names.set(about.key, about.name);
    }
    return conversation;
  }
}

/** The part behind "#" that opens a conversation: its key, with what an address can't hold written otherwise. */
export function hashOf(key) {
  return `#${key.split(":").map(encodeURIComponent).join(":")}`;
}

/** The key in such a part, or null. */
export function keyIn(hash) {
  let key;
  try {
    key = decodeURIComponent(hash.slice(1));
  } catch {
    return null;
  }
  return /^(group|private|notification):./.test(key) ? key : null;
}

/** Whose conversation it is. */
export function userIdOf(conversation) {
  return conversation.key.slice(conversation.key.indexOf(":") + 1);
}

// What was read lasts over a reload of the page, and as long as the sandbox numbers its lines on.

function storedRead(session) {
  try {
    const stored = JSON.parse(localStorage.getItem(READ_KEY));
    return stored?.session === session ? { ...stored.read } : {};
  } catch {
    return {};
  }
}

function storeRead(session, read) {
  try {
    localStorage.setItem(READ_KEY, JSON.stringify({ session, read }));
  } catch {
    // Storage is switched off: it is remembered as long as the page.
  }
}
