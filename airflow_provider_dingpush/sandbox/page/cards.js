// Messages that are cards: with buttons, with one link, with many, and the forms of work notifications.

import { element, ornament } from "./elements.js";
import { linkTo, picture } from "./links.js";
import { renderMarkdown } from "./markdown.js";
import { mentionMarker } from "./mentions.js";

const MAX_FORM_ROWS = 6;
const COLOUR = /^#[0-9a-f]{6}$/i;

export function actionCard(content, at, words) {
  const card = element("div", "card action-card");
  const body = element("div", "card-body markdown");
  const mark = mentionMarker(at, ["atUserIds"], words);
  body.append(renderMarkdown(content.text, mark.addText));
  mark.finish(body);
  const single = Boolean(content.singleTitle || content.singleURL);
  const buttons = single
    ? [{ title: content.singleTitle, actionURL: content.singleURL }]
    : content.btns;
  const row = element("div", !single && content.btnOrientation === "1" ? "buttons horizontal" : "buttons vertical");
  for (const button of buttons) {
    const link = linkTo(button.actionURL, "card-button");
    link.textContent = button.title;
    row.append(link);
  }
  card.append(body, row);
  return card;
}

export function linkCard(content) {
  const card = linkTo(content.messageUrl, "card link-card");
  const title = element("strong", "card-title", content.title);
  const text = element("span", "link-text", content.text);
  const row = element("span", "link-row");
  row.append(text, content.picUrl ? picture(content.picUrl, "", "thumbnail") : ornament("thumbnail link-icon"));
  card.append(title, row);
  return card;
}

export function feedCard(content) {
  const card = element("div", "card feed-card");
  content.links.forEach((entry, index) => {
    const link = linkTo(entry.messageURL, index === 0 ? "feed-first" : "feed-row");
    const image = picture(entry.picURL, "", index === 0 ? "feed-picture" : "thumbnail");
    const title = element("span", "feed-title", entry.title);
    link.append(...(index === 0 ? [image, title] : [title, image]));
    card.append(link);
  });
  return card;
}

export function oaCard(content, words) {
  const card = linkTo(content.messageUrl, "card oa-card");
  const head = element("span", "oa-head");
  if (content.title) head.append(element("strong", "card-title", content.title));
  if (content.status?.value) head.append(statusPill(content.status));
  card.append(head);
  if (content.form?.length > 0) card.append(formRows(content.form));
  if (content.content) card.append(element("span", "oa-content", content.content));
  if (content.image) card.append(picture(content.image, words.picture, "oa-picture"));
  if (content.author) card.append(element("span", "oa-author", content.author));
  if (card.tagName === "A") card.append(element("span", "oa-more", words.details));
  return card;
}

function statusPill(status) {
  const pill = element("span", "oa-status", status.value);
  // A property, not an attribute: the page's policy forbids style attributes.
  if (COLOUR.test(status.color ?? "")) pill.style.backgroundColor = status.color;
  return pill;
}

/** DingTalk shows six rows and drops the rest. */
function formRows(form) {
  const rows = element("dl", "oa-form");
  for (const { key, value } of form.slice(0, MAX_FORM_ROWS)) {
    rows.append(element("dt", "", key ?? ""), element("dd", "", value ?? ""));
  }
  return rows;
}
