// The chat: follows the server's lines, draws them and keeps the newest in view.

import { bubbleOf, previewOf } from "./bubbles.js";
import { WORDS } from "./words.js";

const MAX_LINES = 1000;
const SEPARATOR_SECONDS = 300;
const NEAR_BOTTOM_PIXELS = 80;
const LANGUAGE_KEY = "dingtalk-sandbox-language";

const scroller = document.querySelector(".scroller");
const list = document.querySelector(".lines");
const empty = document.querySelector(".empty");
const newest = document.querySelector(".newest");
const state = document.querySelector(".state");
const copyButton = document.querySelector(".copy");

let language = storedLanguage() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
let session = null;
let robots = [];
let lines = [];
let followsNewest = true;
let refreshing = false;

function words() {
  return WORDS[language];
}

// Language

function storedLanguage() {
  try {
    const stored = localStorage.getItem(LANGUAGE_KEY);
    return stored in WORDS ? stored : null;
  } catch {
    return null;
  }
}

function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  try {
    localStorage.setItem(LANGUAGE_KEY, language);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
  speak();
  redraw();
}

function speak() {
  document.documentElement.lang = words().locale;
  document.title = words().brand;
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = words()[element.dataset.word];
  }
  for (const element of document.querySelectorAll("[data-word-label]")) {
    element.setAttribute("aria-label", words()[element.dataset.wordLabel]);
  }
  sayState(state.dataset.state);
  sayFirstCommand();
}

function sayState(name) {
  state.dataset.state = name;
  state.querySelector(".state-word").textContent = words()[name];
}

function sayFirstCommand() {
  const robot = robots[0];
  if (robot === undefined) return;
  const text = [words().firstMessage, robot.keyword].filter(Boolean).join(" ");
  const body = JSON.stringify({ msgtype: "text", text: { content: text } });
  document.querySelector(".curl").textContent =
    `curl ${quoted(robot.webhook_url)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Lines

function redraw() {
  list.replaceChildren();
  let previous = null;
  for (const line of lines) {
    drawLine(line, previous);
    previous = line;
  }
  showPreview();
  empty.hidden = lines.length > 0;
  scrollToNewest();
}

function addLine(line) {
  if (line.number <= (lines.at(-1)?.number ?? 0)) return;
  if (line.kind === "cleared") {
    lines = [];
    redraw();
    return;
  }
  drawLine(line, lines.at(-1) ?? null);
  lines.push(line);
  if (lines.length > MAX_LINES) {
    lines.shift();
    list.querySelector(":scope > .message, :scope > .note")?.remove();
  }
  empty.hidden = true;
  if (!followsNewest) newest.hidden = false;
  refreshSoon();
}

/** Preview and scrolling once per frame: a page that opens late gets hundreds of lines in one go. */
function refreshSoon() {
  if (refreshing) return;
  refreshing = true;
  requestAnimationFrame(() => {
    refreshing = false;
    showPreview();
    if (followsNewest) scrollToNewest();
  });
}

function drawLine(line, previous) {
  if (previous === null || line.at - previous.at >= SEPARATOR_SECONDS || dayOf(line.at) !== dayOf(previous.at)) {
    list.append(separator(line.at));
  }
  list.append(line.kind === "message" ? message(line) : note(line));
}

function separator(at) {
  const item = element("li", "separator");
  const time = element("time", "", timeWords(at));
  time.dateTime = new Date(at * 1000).toISOString();
  item.append(time);
  return item;
}

function message(line) {
  const item = element("li", "message");
  item.dataset.number = line.number;
  item.dataset.msgtype = line.payload.msgtype;
  const avatar = element("span", `avatar hue-${line.robot.number % 4}`);
  avatar.setAttribute("aria-hidden", "true");
  const column = element("div", "column");
  const sender = element("p", "sender");
  const time = element("time", "sender-time", clockWords(line.at));
  sender.append(element("span", "sender-name", robotName(line)), element("span", "robot-tag", words().robotTag), time);
  column.append(sender, bubbleOrRaw(line), raw(line.payload));
  item.append(avatar, column);
  return item;
}

function bubbleOrRaw(line) {
  let bubble;
  try {
    bubble = bubbleOf(line.payload, words());
    if (line.payload.msgtype === "markdown" || line.payload.msgtype === "actionCard") {
      bubble.title = words().previewOf + previewOf(line.payload, words());
    }
  } catch {
    bubble = element("pre", "bubble", JSON.stringify(line.payload, null, 2));
  }
  bubble.dir = "auto";
  return bubble;
}

function raw(payload) {
  const details = element("details", "raw");
  const summary = element("summary", "", "{ }");
  summary.setAttribute("aria-label", words().raw);
  details.append(summary);
  // Filled when opened: most are never looked at.
  details.addEventListener(
    "toggle",
    () => details.append(element("pre", "", JSON.stringify(payload, null, 2))),
    { once: true },
  );
  return details;
}

function note(line) {
  const item = element("li", `note ${line.kind}`);
  const text = element("span", "note-text");
  text.dir = "auto";
  if (line.kind === "refused") {
    text.append(`${words().refused}: `, element("b", "", String(line.errcode)), ` ${reasonOf(line.errmsg)}`);
    text.title = line.errmsg;
  } else if (line.kind === "repeated") {
    text.append(words().repeated, element("code", "", line.msgUuid));
  } else {
    text.append(words().fault, element("code", "", String(line.fault)));
  }
  item.append(text);
  return item;
}

/** The cause out of "description:cause;solution:what to do;...", the form of most of DingTalk's refusals. */
function reasonOf(errmsg) {
  return /^description:([^;]*);/.exec(errmsg)?.[1] ?? errmsg;
}

function robotName(line) {
  return robots.length > 1 ? `${line.robot.name} ${line.robot.number}` : line.robot.name;
}

function showPreview() {
  const last = lines.findLast((line) => line.kind === "message");
  let preview = "";
  try {
    preview = last ? `${robotName(last)}: ${previewOf(last.payload, words())}` : "";
  } catch {
    // A payload that cannot be previewed is shown raw in the chat; the list stays empty.
  }
  for (const place of document.querySelectorAll(".preview")) place.textContent = preview;
  for (const place of document.querySelectorAll(".preview-at")) {
    place.textContent = last?.payload.at?.isAtAll === true ? `${words().everyonePreview} ` : "";
  }
  document.querySelector(".conversation-time").textContent = last ? clockWords(last.at) : "";
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Time

function dayOf(at) {
  return new Date(at * 1000).toDateString();
}

function clockWords(at) {
  return new Intl.DateTimeFormat(words().locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(
    new Date(at * 1000),
  );
}

function timeWords(at) {
  const now = Date.now() / 1000;
  let day = new Intl.DateTimeFormat(words().locale, { dateStyle: "medium" }).format(new Date(at * 1000));
  if (dayOf(at) === dayOf(now)) day = words().today;
  else if (dayOf(at) === dayOf(now - 86400)) day = words().yesterday;
  return `${day} ${clockWords(at)}`;
}

// Keeping the newest in view

function scrollToNewest() {
  scroller.scrollTop = scroller.scrollHeight;
  followsNewest = true;
  newest.hidden = true;
}

scroller.addEventListener("scroll", () => {
  followsNewest = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_BOTTOM_PIXELS;
  if (followsNewest) newest.hidden = true;
});

// Pictures grow when they arrive. "load" does not bubble, but it can be caught on its way down.
scroller.addEventListener("load", () => followsNewest && scrollToNewest(), true);
new ResizeObserver(() => followsNewest && scrollToNewest()).observe(scroller);
newest.addEventListener("click", scrollToNewest);

// Live lines

function follow() {
  const events = new EventSource(session === null ? "events" : `events?after=${session}:${lines.at(-1)?.number ?? 0}`);
  events.addEventListener("hello", (event) => {
    const hello = JSON.parse(event.data);
    if (session !== hello.session) {
      // A new session numbers its lines from 1 again.
      session = hello.session;
      lines = [];
    }
    robots = hello.robots;
    sayState("live");
    sayFirstCommand();
    if (lines.length === 0) redraw();
  });
  events.addEventListener("line", (event) => addLine(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    sayState("lost");
    // The browser reconnects by itself, with the id of the last line, unless the server's answer made it give up.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 1000);
  });
}

// Start

document.querySelector(".language").addEventListener("click", switchLanguage);
if (navigator.clipboard) {
  copyButton.hidden = false;
  copyButton.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(".curl").textContent);
    copyButton.textContent = words().copied;
    setTimeout(() => (copyButton.textContent = words().copy), 1500);
  });
}
speak();
follow();
