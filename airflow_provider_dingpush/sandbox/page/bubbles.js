// One message as DingTalk's clients draw it, and the line that stands for it in the conversation list.

import { linkTo, picture } from "./links.js";
import { renderMarkdown } from "./markdown.js";

const WEB_ADDRESS = /https?:\/\/[^\s<>"'“”‘’，。；：、！？（）【】《》]+/g;
const TRAILING = /[.,;:!?)\]]{1,9}$/;

/** The bubble or card of a payload. */
export function bubbleOf(payload, words) {
  const content = payload[payload.msgtype];
  switch (payload.msgtype) {
    case "text":
      return textBubble(content, payload.at, words);
    case "markdown":
      return markdownBubble(content, payload.at, words);
    case "link":
      return linkCard(content);
    case "actionCard":
      return actionCard(content, payload.at, words);
    case "feedCard":
      return feedCard(content);
    default:
      throw new Error(`no bubble for ${payload.msgtype}`);
  }
}

/** What the conversation list and a push notification show: there the title of a markdown message or card appears. */
export function previewOf(payload, words) {
  const content = payload[payload.msgtype];
  switch (payload.msgtype) {
    case "text":
      return content.content;
    case "link":
      return `[${words.link}] ${content.title}`;
    case "feedCard":
      return `[${words.feed}] ${content.links[0].title}`;
    default:
      return content.title;
  }
}

function textBubble(content, at, words) {
  const bubble = box("bubble text");
  const mark = mentionMarker(at, ["atMobiles", "atUserIds"], words);
  let end = 0;
  for (const match of content.content.matchAll(WEB_ADDRESS)) {
    const address = match[0].replace(TRAILING, "");
    mark.addText(bubble, content.content.slice(end, match.index));
    const link = linkTo(address);
    link.textContent = address;
    bubble.append(link);
    end = match.index + address.length;
  }
  mark.addText(bubble, content.content.slice(end));
  mark.finish(bubble);
  return bubble;
}

function markdownBubble(content, at, words) {
  const bubble = box("bubble markdown");
  const mark = mentionMarker(at, ["atMobiles", "atUserIds"], words);
  bubble.append(renderMarkdown(content.text, mark.addText));
  mark.finish(bubble);
  return bubble;
}

function actionCard(content, at, words) {
  const card = box("card action-card");
  const body = box("card-body markdown");
  const mark = mentionMarker(at, ["atUserIds"], words);
  body.append(renderMarkdown(content.text, mark.addText));
  mark.finish(body);
  const single = Boolean(content.singleTitle || content.singleURL);
  const buttons = single
    ? [{ title: content.singleTitle, actionURL: content.singleURL }]
    : content.btns;
  const row = box(!single && content.btnOrientation === "1" ? "buttons horizontal" : "buttons vertical");
  for (const button of buttons) {
    const link = linkTo(button.actionURL, "card-button");
    link.textContent = button.title;
    row.append(link);
  }
  card.append(body, row);
  return card;
}

function linkCard(content) {
  const card = linkTo(content.messageUrl, "card link-card");
  const title = textIn("strong", "card-title", content.title);
  const text = textIn("span", "link-text", content.text);
  const row = box("link-row", "span");
  row.append(text, content.picUrl ? picture(content.picUrl, "", "thumbnail") : iconTile());
  card.append(title, row);
  return card;
}

function feedCard(content) {
  const card = box("card feed-card");
  content.links.forEach((entry, index) => {
    const link = linkTo(entry.messageURL, index === 0 ? "feed-first" : "feed-row");
    const image = picture(entry.picURL, "", index === 0 ? "feed-picture" : "thumbnail");
    const title = textIn("span", "feed-title", entry.title);
    link.append(...(index === 0 ? [image, title] : [title, image]));
    card.append(link);
  });
  return card;
}

function iconTile() {
  const icon = box("thumbnail link-icon", "span");
  icon.setAttribute("aria-hidden", "true");
  return icon;
}

/** Marks `@value` in plain text where the value stands in `at` too; @everyone needs no text and is added at the end. */
function mentionMarker(at, names, words) {
  const values = names.flatMap((name) => at?.[name] ?? []).filter((value) => value !== "");
  const everyone = at?.isAtAll === true;
  const targets = everyone ? [...values, "所有人", "all"] : values;
  const pattern =
    targets.length > 0 ? new RegExp(`@(?:${longestFirst(targets).map(escaped).join("|")})(?![0-9A-Za-z_])`, "g") : null;
  let everyoneSeen = false;
  const addText = (parent, text) => {
    let end = 0;
    for (const match of pattern ? text.matchAll(pattern) : []) {
      parent.append(text.slice(end, match.index), textIn("span", "mention", match[0]));
      everyoneSeen ||= everyone && !values.includes(match[0].slice(1));
      end = match.index + match[0].length;
    }
    parent.append(text.slice(end));
  };
  const finish = (bubble) => {
    if (!everyone || everyoneSeen) return;
    const last = bubble.lastElementChild?.tagName === "P" ? bubble.lastElementChild : bubble;
    last.append(" ", textIn("span", "mention", words.everyone));
  };
  return { addText, finish };
}

function longestFirst(values) {
  return [...values].sort((one, other) => other.length - one.length);
}

function escaped(value) {
  return value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function textIn(tag, className, text) {
  const element = box(className, tag);
  element.textContent = text;
  return element;
}

function box(className, tag = "div") {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}
