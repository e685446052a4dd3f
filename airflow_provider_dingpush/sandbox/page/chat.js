// The page: follows the server's lines, sorts them into conversations and shows the one that the address names.

import { avatarOf, ConversationList, countWords, previewLine } from "./conversation_list.js";
import { Conversations, keyIn, userIdOf } from "./conversations.js";
import { sayFirstMessage } from "./first_message.js";
import { initialLanguage, speakPage, storeLanguage } from "./language.js";
import { linkPhones } from "./phone_links.js";
import { Strays } from "./strays.js";
import { Timeline } from "./timeline.js";
import { WORDS } from "./words.js";

const scroller = document.querySelector(".scroller");
const empty = document.querySelector(".empty");
const header = document.querySelector(".chat-header");
const states = document.querySelectorAll(".state");
const copyButton = document.querySelector(".copy");
const straysBar = document.querySelector(".strays");
const isPhone = window.matchMedia("(max-width: 820px)");

const conversations = new Conversations();
const list = new ConversationList(document.querySelector(".conversation-list"));
const timeline = new Timeline(scroller, document.querySelector(".lines"), document.querySelector(".newest"));
const strays = new Strays(straysBar);

let language = initialLanguage();
let session = null;
let robots = [];
let apps = [];
let lastNumber = 0;
// The number of the line that was the last one when the page asked; until it is here, nothing is drawn.
let awaitedNumber = 0;
let isCaughtUp = false;
// On a phone the list takes the place of the chat.
let isListOpen = false;
let currentKey = null;
let refreshing = false;

/** What drawing a line takes besides the line. */
function voice() {
  return { words: words(), senderName, unread: (conversation) => conversations.unread(conversation) };
}

function words() {
  return WORDS[language];
}

function senderName({ kind, name, number }) {
  const sameName = (kind === "app" ? apps : robots).filter((peer) => peer.name === name);
  return sameName.length > 1 ? `${name} ${number}` : name;
}

// Language

function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  storeLanguage(language);
  speak();
  redraw();
}

function speak() {
  speakPage(words());
  sayState(states[0].dataset.state);
}

function sayState(name) {
  for (const state of states) {
    state.dataset.state = name;
    state.querySelector(".state-word").textContent = words()[name];
  }
}

// Which conversation

function current() {
  return currentKey === null ? undefined : conversations.getOrExpect(currentKey);
}

function open(key, { listOpen }) {
  isListOpen = listOpen;
  if (key !== currentKey) {
    currentKey = key;
    redraw();
  }
  refresh();
}

/** Show what the address names; without a name, the conversation that spoke last or, on a phone, all of them. */
function route() {
  const sorted = conversations.sorted();
  const key = keyIn(location.hash);
  // A group exists from the start or not at all; a person's conversation begins with its first message.
  if (key !== null && (conversations.get(key) || !key.startsWith("group:"))) {
    open(key, { listOpen: false });
    return;
  }
  const withLines = sorted.find(({ lines }) => lines.length > 0);
  open(currentKey ?? (withLines ?? sorted[0])?.key ?? null, { listOpen: sorted.length > 1 });
}

function isOnScreen() {
  return isCaughtUp && !document.hidden && !(isPhone.matches && isListOpen);
}

// Drawing

function redraw() {
  if (!isCaughtUp) return;
  const shown = current();
  header.querySelector(".chat-avatar").replaceChildren(...(shown ? [avatarOf(shown)] : []));
  timeline.show(shown?.lines ?? [], voice());
  if (shown) {
    const groups = conversations.sorted().filter(({ kind }) => kind === "group").length;
    sayFirstMessage(empty, shown, { robots, apps, groups }, words());
  }
  refresh();
}

/** List, header and scrolling once per frame: a page that opens late gets hundreds of lines in one go. */
function refreshSoon() {
  if (refreshing) return;
  refreshing = true;
  const later = document.hidden ? setTimeout : requestAnimationFrame;
  later(() => {
    refreshing = false;
    refresh();
    timeline.follow();
  });
}

function refresh() {
  if (!isCaughtUp) return;
  const shown = current();
  if (shown && isOnScreen()) conversations.markRead(shown);
  const sorted = conversations.sorted();
  list.draw(sorted, currentKey, voice());
  strays.draw(words());
  document.body.classList.toggle("shows-list", isListOpen);
  document.body.classList.toggle("has-several", sorted.length > 1);
  empty.hidden = !shown || shown.lines.length > 0;
  if (shown) sayHeader(shown);
  const unread = sorted.reduce((sum, conversation) => sum + conversations.unread(conversation), 0);
  const back = header.querySelector(".back-count");
  back.hidden = unread === 0;
  back.textContent = countWords(unread);
  document.title = unread > 0 ? `(${countWords(unread)}) ${words().brand}` : words().brand;
}

function sayHeader(shown) {
  header.querySelector(".chat-name").textContent = shown.name;
  const about = words().about[shown.kind];
  let subtitle = { mark: "", text: shown.kind === "group" ? about : `${about} · ${userIdOf(shown)}` };
  // Alone on a phone, where the list never shows, the header shows what the list would.
  if (!document.body.classList.contains("has-several")) subtitle = previewLine(shown, voice());
  header.querySelector(".header-mark").textContent = subtitle.mark;
  header.querySelector(".header-text").textContent = subtitle.text;
}

// Lines

function addLine(line) {
  if (line.number <= lastNumber) return;
  lastNumber = line.number;
  if (line.kind === "cleared") {
    conversations.clear();
    strays.clear();
    redraw();
  } else if (line.kind === "recalled") {
    change(line, { recalled: true });
  } else if (line.kind === "changed") {
    change(line, { shown: line.shown });
  } else if (line.kind === "phone") {
    // Only a person's phone page shows it.
  } else if (line.conversation) {
    conversations.add(line);
    if (isCaughtUp && line.conversation.key === currentKey) timeline.add(line, voice());
  } else {
    strays.add(line);
  }
  if (!isCaughtUp && lastNumber >= awaitedNumber) catchUp();
  refreshSoon();
}

/** A message that was sent before is recalled, or looks different from now on. */
function change(line, properties) {
  const { key } = line.conversation;
  const changed = conversations.change(key, line.message, properties);
  if (changed && isCaughtUp && key === currentKey) timeline.redraw(changed, voice());
}

function catchUp() {
  const before = currentKey;
  isCaughtUp = true;
  route();
  if (currentKey === before) redraw();
}

function follow() {
  const events = new EventSource(session === null ? "events" : `events?after=${session}:${lastNumber}`);
  events.addEventListener("hello", (event) => {
    const hello = JSON.parse(event.data);
    if (session !== hello.session) {
      // A new session numbers its lines from 1 again.
      session = hello.session;
      lastNumber = 0;
      currentKey = null;
      strays.clear();
      isCaughtUp = false;
    }
    robots = hello.robots;
    apps = hello.apps;
    linkPhones(document.querySelector(".phones"), hello.people);
    awaitedNumber = hello.last;
    conversations.begin(session, hello.conversations);
    sayState("live");
    if (!isCaughtUp && lastNumber >= awaitedNumber) catchUp();
    // Addresses and signs of the first command are new.
    else if (current()?.lines.length === 0) redraw();
  });
  events.addEventListener("line", (event) => addLine(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    sayState("lost");
    // The browser reconnects by itself, with the id of the last line, unless the server's answer made it give up.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 1000);
  });
}

// Start

for (const button of document.querySelectorAll(".language")) button.addEventListener("click", switchLanguage);
document.querySelector(".skip").addEventListener("click", (event) => {
  // The part behind "#" names the conversation, not the place to jump to.
  event.preventDefault();
  document.querySelector(".lines").focus();
});
if (navigator.clipboard) {
  copyButton.hidden = false;
  copyButton.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(".curl").textContent);
    copyButton.textContent = words().copied;
    setTimeout(() => (copyButton.textContent = words().copy), 1500);
  });
}
window.addEventListener("hashchange", () => {
  if (!isCaughtUp) return;
  route();
  // What had the focus is gone with its half of the page.
  if (isPhone.matches) (isListOpen ? list.linkOf(currentKey) : scroller)?.focus({ preventScroll: true });
});
straysBar.addEventListener("toggle", () => strays.drawAll(words()));
document.addEventListener("visibilitychange", () => {
  // A frame that was asked for does not come while the page is hidden.
  refreshing = false;
  refresh();
});
isPhone.addEventListener("change", refreshSoon);
speak();
follow();
