// A person's phone: messages, DINGs and to-dos, the newest first, with buttons to read them.

import { bubbleOf } from "./bubbles.js";
import { element, ornament } from "./elements.js";
import { initialLanguage, speakPage, storeLanguage } from "./language.js";
import { linkTo } from "./links.js";
import { phoneAddress } from "./phone_links.js";
import { PHONE_WORDS } from "./phone_words.js";
import { timeWords } from "./times.js";
import { WORDS } from "./words.js";

const user = new URLSearchParams(location.search).get("user") ?? "";
const items = document.querySelector(".items");
const nobody = document.querySelector(".nobody");
const readAll = document.querySelector(".read-all");
const state = document.querySelector(".state");

let language = initialLanguage();
let phone = null;
let asking = false;
let isOutdated = false;

function words() {
  return { ...WORDS[language], ...PHONE_WORDS[language] };
}

// Drawing

function draw() {
  speakPage(words());
  sayState(state.dataset.state);
  nobody.hidden = phone !== null && phone.items.length > 0;
  nobody.textContent = phone === null ? words().nobody : words().nothing;
  readAll.hidden = phone === null;
  if (phone === null) return;
  const { person, people, credit } = phone;
  document.title = words().title(person.name);
  document.querySelector(".owner-name").textContent = person.name;
  const { unread } = people.find((each) => each.user_id === person.user_id);
  document.querySelector(".owner-about").textContent = `${person.mobile} · ${words().unread(unread)}`;
  readAll.disabled = !phone.items.some(({ kind, read, recalled }) => kind !== "todo" && !read && !recalled);
  document.querySelector(".credit").textContent = words().credit(credit);
  document.querySelector(".people").replaceChildren(...people.map(personLink));
  items.replaceChildren(...[...phone.items].reverse().map(drawItem));
}

function personLink({ user_id: userId, name, unread }) {
  const link = element("a", "person", name);
  link.href = phoneAddress(userId);
  if (userId === phone.person.user_id) link.setAttribute("aria-current", "page");
  if (unread > 0) link.append(" ", element("span", "unread", String(unread)));
  return link;
}

function drawItem(item) {
  const way = item.kind === "ding" ? item.way : item.kind;
  const drawn = element("li", `item way-${way}${item.read ? " is-read" : ""}`);
  if (item.recalled) drawn.classList.add("is-recalled");
  drawn.dataset.number = item.number;
  const head = element("p", "item-head");
  head.append(
    ornament(`item-icon icon-${way}`),
    element("span", "item-kind", item.is_notification ? words().notification : words()[way]),
    element("span", "item-sender", item.sender),
    element("time", "item-time", timeWords(item.at, words())),
  );
  drawn.append(head, contentOf(item), footOf(item, way));
  return drawn;
}

function contentOf(item) {
  if (item.kind === "message") return messageContent(item);
  if (item.kind === "todo") return todoContent(item);
  if (item.way === "phone") return callContent(item);
  const text = element("p", "item-text", item.way === "sms" ? words().smsPrefix + item.content : item.content);
  text.dir = "auto";
  return text;
}

function messageContent(item) {
  try {
    return bubbleOf(item.shown, words());
  } catch {
    return element("pre", "bubble", JSON.stringify(item.shown, null, 2));
  }
}

function callContent(item) {
  const call = element("div", "call");
  const heard = element("p", "item-text", item.content);
  heard.dir = "auto";
  call.append(
    element("p", "call-state", item.read ? words().answered : words().incoming),
    heard,
    element("p", "call-voice", words().voice(item.voice)),
  );
  return call;
}

function todoContent(item) {
  const todo = element("div", "todo-body");
  const subject = element("p", "item-text", item.subject);
  subject.dir = "auto";
  const about = [words().priority[item.priority]];
  if (item.due !== null) about.push(words().due(timeWords(item.due, words())));
  if (item.pops_up) about.push(words().popsUp);
  const link = linkTo(item.url);
  link.textContent = words().open;
  const line = element("p", "todo-about", `${about.filter(Boolean).join(" · ")} · `);
  line.append(link);
  todo.append(subject);
  if (item.description) todo.append(element("p", "todo-description", item.description));
  todo.append(line);
  return todo;
}

function footOf(item, way) {
  const foot = element("p", "item-foot");
  if (item.recalled) foot.append(element("span", "item-state", words().recalled));
  else if (item.read) foot.append(element("span", "item-state", item.kind === "todo" ? words().done : words().read));
  else {
    const button = element("button", "act", words().act[way]);
    button.type = "button";
    button.addEventListener("click", () => read({ kind: item.kind, number: item.number }));
    foot.append(button);
  }
  return foot;
}

// The server

function sayState(name) {
  state.dataset.state = name;
  state.querySelector(".state-word").textContent = words()[name];
}

async function read(what) {
  await fetch("phone/read", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user, ...what }),
  });
  await ask();
}

/** Get the phone anew; what changes meanwhile is asked for once more, not once for each change. */
async function ask() {
  isOutdated = true;
  if (asking) return;
  asking = true;
  try {
    while (isOutdated) {
      isOutdated = false;
      const answer = await fetch(`phone.json?${new URLSearchParams({ user })}`);
      phone = answer.ok ? await answer.json() : null;
      draw();
    }
  } catch {
    // The stream says that the connection is lost, and asks again when it is back.
  } finally {
    asking = false;
  }
}

const events = new EventSource("events");
events.addEventListener("hello", () => {
  sayState("live");
  ask();
});
events.addEventListener("line", ask);
events.addEventListener("error", () => sayState("lost"));
document.querySelector(".language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  storeLanguage(language);
  draw();
});
readAll.addEventListener("click", () => read({}));
draw();
