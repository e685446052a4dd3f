// Messages that are files: something to download, to hear or to watch.

import { element, ornament } from "./elements.js";
import { linkToFile, mediaUrl, picture } from "./links.js";

const KINDS = {
  sheet: ["xls", "xlsx", "csv"],
  text: ["doc", "docx", "txt", "md"],
  slides: ["ppt", "pptx"],
  pdf: ["pdf"],
  archive: ["zip", "rar", "7z", "gz"],
};

let playing = null;

export function fileCard(content, words) {
  const name = String(content.name ?? "");
  const card = linkToFile(content.url, name, "card file-card");
  const about = element("span", "file-about");
  about.append(element("span", "file-name", name), element("span", "file-size", sizeWords(content.bytes)));
  card.append(fileIcon(name), about);
  if (card.tagName === "A") card.append(element("span", "file-download", words.download));
  if (!content.preview) return card;
  const message = element("div", "file-message");
  message.append(card, sheetPreview(content.preview, words));
  return message;
}

/** The first rows of a workbook or of a csv in a zip, as DingTalk's clients show them when the file is opened. */
function sheetPreview(preview, words) {
  const scroller = element("div", "sheet-scroller");
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", `${words.preview} ${preview.title}`);
  const table = element("table", "sheet");
  table.append(element("caption", "", `${words.preview} · ${preview.title}`));
  const [header, ...rows] = preview.rows;
  const columns = Math.max(...preview.rows.map((row) => row.length));
  const head = element("thead");
  head.append(sheetRow(header, columns, "th"));
  const body = element("tbody");
  body.append(...rows.map((row) => sheetRow(row, columns, "td")));
  table.append(head, body);
  scroller.append(table);
  if (preview.hasMore) scroller.append(element("p", "sheet-more", words.previewMore));
  return scroller;
}

function sheetRow(texts, columns, tag) {
  const row = element("tr");
  for (let column = 0; column < columns; column += 1) {
    const text = String(texts[column] ?? "");
    const cell = element(tag, /^-?[\d.,]+%?$/.test(text) ? "number" : "", text);
    if (tag === "th") cell.scope = "col";
    row.append(cell);
  }
  return row;
}

export function voiceBubble(content, words) {
  const seconds = secondsOf(content);
  const url = mediaUrl(content.url);
  if (url === null) return unplayable(content, words.voice);
  const bubble = element("button", "bubble voice");
  bubble.type = "button";
  bubble.setAttribute("aria-label", `${words.voice} ${seconds}″`);
  bubble.append(ornament("voice-sign"), ornament("voice-waves"), element("span", "", `${seconds}″`));
  // As in DingTalk, a longer voice is a longer bubble.
  bubble.style.width = `${Math.min(120 + seconds * 3, 260)}px`;
  let audio = null;
  const say = () => bubble.classList.toggle("playing", playing === audio);
  bubble.addEventListener("click", () => {
    if (audio === null) {
      audio = new Audio();
      for (const event of ["ended", "pause"]) {
        audio.addEventListener(event, () => {
          if (playing === audio) playing = null;
          say();
        });
      }
      audio.addEventListener("error", () => bubble.replaceWith(unplayable(content, words.voice, words)));
      audio.src = url;
    }
    if (playing === audio) {
      audio.pause();
      return;
    }
    playing?.pause();
    playing = audio;
    say();
    // What is wrong with it comes as an "error" event.
    audio.play().catch(() => {});
  });
  return bubble;
}

export function videoBubble(content, words) {
  const url = mediaUrl(content.url);
  if (url === null) return unplayable(content, words.video);
  const bubble = element("div", "video-bubble");
  const button = element("button", "video-cover");
  button.type = "button";
  button.setAttribute("aria-label", `${words.play} ${words.video} ${lengthWords(secondsOf(content))}`);
  button.append(
    picture(content.coverUrl, "", "video-picture"),
    ornament("video-sign"),
    ornament("video-length", lengthWords(secondsOf(content))),
  );
  button.addEventListener("click", () => {
    playing?.pause();
    const video = element("video", "video-picture");
    video.controls = true;
    video.playsInline = true;
    video.addEventListener("error", () => bubble.replaceWith(unplayable(content, words.video, words)));
    video.src = url;
    button.replaceWith(video);
    video.play().catch(() => {});
  });
  bubble.append(button);
  return bubble;
}

/** The length that the sender gave, in whole seconds. */
export function secondsOf(content) {
  const seconds = Math.round(Number(content.seconds));
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

/** Not every browser plays what DingTalk does (AMR, for one), but it can be had as a file. */
function unplayable(content, name, words) {
  const link = linkToFile(content.url, name, "bubble unplayable");
  link.append(words ? `${name}: ${words.unplayable}` : name);
  return link;
}

function fileIcon(name) {
  const ending = /\.([0-9a-z]{1,5})$/i.exec(name)?.[1].toLowerCase() ?? "";
  const icon = ornament("file-icon", ending.toUpperCase());
  icon.dataset.kind = Object.keys(KINDS).find((kind) => KINDS[kind].includes(ending)) ?? "other";
  return icon;
}

function sizeWords(bytes) {
  if (!Number.isFinite(bytes)) return "";
  if (bytes < 1024) return `${bytes} B`;
  const kilobytes = bytes / 1024;
  return kilobytes < 1024 ? `${kilobytes.toFixed(1)} KB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}

function lengthWords(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
