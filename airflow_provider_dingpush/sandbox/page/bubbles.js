// One message as DingTalk's clients draw it, and its preview line in the conversation list.

import { actionCard, feedCard, linkCard, oaCard } from "./cards.js";
import { element } from "./elements.js";
import { linkTo, pictureLink } from "./links.js";
import { renderMarkdown } from "./markdown.js";
import { fileCard, secondsOf, videoBubble, voiceBubble } from "./media.js";
import { mentionMarker } from "./mentions.js";

const WEB_ADDRESS = /https?:\/\/[^\s<>"'“”‘’，。；：、！？（）【】《》]+/g;
const TRAILING = /[.,;:!?)\]]{1,9}$/;

/** The bubble or card of a message. */
export function bubbleOf(shown, words) {
  const content = shown[shown.msgtype];
  switch (shown.msgtype) {
    case "text":
      return textBubble(content, shown.at, words);
    case "markdown":
      return markdownBubble(content, shown.at, words);
    case "link":
      return linkCard(content);
    case "actionCard":
      return actionCard(content, shown.at, words);
    case "feedCard":
      return feedCard(content);
    case "oa":
      return oaCard(content, words);
    case "image":
      return pictureLink(content.url, words.picture, "picture-bubble", "sent-picture");
    case "file":
      return fileCard(content, words);
    case "audio":
      return voiceBubble(content, words);
    case "video":
      return videoBubble(content, words);
    default:
      throw new Error(`no bubble for ${shown.msgtype}`);
  }
}

/** What the conversation list and a push notification show: there the title of a markdown message or card appears. */
export function previewOf(shown, words) {
  const content = shown[shown.msgtype];
  switch (shown.msgtype) {
    case "text":
      return content.content;
    case "link":
      return `[${words.link}] ${content.title}`;
    case "feedCard":
      return `[${words.feed}] ${content.links[0].title}`;
    case "oa":
      return content.title ?? "";
    case "image":
      return `[${words.picture}]`;
    case "file":
      return `[${words.file}] ${content.name}`;
    case "audio":
      return `[${words.voice}] ${secondsOf(content)}″`;
    case "video":
      return `[${words.video}]`;
    default:
      return content.title;
  }
}

function textBubble(content, at, words) {
  const bubble = element("div", "bubble text");
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
  const bubble = element("div", "bubble markdown");
  const mark = mentionMarker(at, ["atMobiles", "atUserIds"], words);
  bubble.append(renderMarkdown(content.text, mark.addText));
  mark.finish(bubble);
  return bubble;
}
