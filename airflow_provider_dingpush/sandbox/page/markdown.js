// The subset of Markdown that DingTalk's robots promise, as DOM nodes. Whatever is not in the subset stays as it was typed.
// Tables are not promised: recent clients on PCs draw them, phones often don't. So there are both, and the style shows one.
//
// Messages are hostile until proven otherwise: nothing here sets markup from a string, nesting is limited, and no pattern
// can be read in two ways, so that a long line cannot keep the browser busy.

import { linkTo, picture, webUrl } from "./links.js";

const MAX_DEPTH = 12;
const FENCE = /^ {0,3}(`{3,}|~{3,})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])[ \t]+(.*)$/;

const DASHES = /^:?-+:?$/;

const LABEL = String.raw`((?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)`;
const TARGET = String.raw`\(\s{0,9}([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\s{0,9}\)`;
const LINK = new RegExp(String.raw`\[${LABEL}\]${TARGET}`, "y");
const IMAGE = new RegExp(String.raw`!\[([^\[\]]*)\]${TARGET}`, "y");
const FONT = /<font\s{1,9}color\s{0,9}=\s{0,9}(["']?)([#\w]{1,20})\1\s{0,9}>/iy;
const FONT_TAG = /<(\/?)font\b[^<>]{0,80}>/gi;
const ENTITY = /&(nbsp|#160|#xa0|lt|gt|amp|quot);/iy;
const ENTITIES = { nbsp: "\u00a0", "#160": "\u00a0", "#xa0": "\u00a0", lt: "<", gt: ">", amp: "&", quot: '"' };
const COLOUR = /^#[0-9a-f]{6}$/i;
const ESCAPABLE = /[!-/:-@[-`{-~]/;

/** A fragment with the rendered text; `addText(parent, text)` puts plain text into a node and may mark mentions in it. */
export function renderMarkdown(text, addText) {
  const fragment = document.createDocumentFragment();
  renderBlocks(text.replace(/\r\n?/g, "\n").split("\n"), fragment, addText, 0);
  return fragment;
}

function renderBlocks(lines, parent, addText, depth) {
  let index = 0;
  while (index < lines.length) {
    const line = lines[index];
    if (line.trim() === "") {
      index += 1;
    } else if (FENCE.test(line)) {
      index = renderFence(lines, index, parent);
    } else if (HEADING.test(line)) {
      const [, marks, content] = HEADING.exec(line);
      renderInline(content, append(parent, `h${marks.length}`), addText, 0);
      index += 1;
    } else if (isTable(lines, index)) {
      index = renderTable(lines, index, parent, addText, depth);
    } else if (depth < MAX_DEPTH && QUOTE.test(line)) {
      index = renderQuote(lines, index, parent, addText, depth);
    } else if (depth < MAX_DEPTH && ITEM.test(line)) {
      index = renderList(lines, index, parent, addText, depth);
    } else {
      index = renderParagraph(lines, index, parent, addText, depth);
    }
  }
}

function startsBlock(line, depth) {
  return FENCE.test(line) || HEADING.test(line) || (depth < MAX_DEPTH && (QUOTE.test(line) || ITEM.test(line)));
}

function renderFence(lines, start, parent) {
  const mark = FENCE.exec(lines[start])[1];
  let end = start + 1;
  while (end < lines.length && !(lines[end].trim().startsWith(mark) && FENCE.test(lines[end]))) end += 1;
  append(append(parent, "pre"), "code").textContent = lines.slice(start + 1, end).join("\n");
  return end + 1;
}

function renderQuote(lines, start, parent, addText, depth) {
  const inner = [];
  let index = start;
  // A line without the mark still belongs to the quote if nothing separates it: put a blank line after a quote.
  while (index < lines.length) {
    const line = lines[index];
    if (QUOTE.test(line)) inner.push(line.replace(QUOTE, ""));
    else if (line.trim() !== "" && !startsBlock(line, depth)) inner.push(line);
    else break;
    index += 1;
  }
  renderBlocks(inner, append(parent, "blockquote"), addText, depth + 1);
  return index;
}

function renderList(lines, start, parent, addText, depth) {
  const ordered = /\d/.test(ITEM.exec(lines[start])[2]);
  const list = append(parent, ordered ? "ol" : "ul");
  if (ordered) list.start = parseInt(ITEM.exec(lines[start])[2], 10);
  let index = start;
  while (index < lines.length) {
    const item = ITEM.exec(lines[index]);
    if (item === null || /\d/.test(item[2]) !== ordered) break;
    const inner = [item[3]];
    index += 1;
    while (index < lines.length) {
      const line = lines[index];
      if (/^(?: {2,}|\t)/.test(line) && line.trim() !== "") inner.push(line.replace(/^(?:\t| {2,4})/, ""));
      else if (line.trim() !== "" && !startsBlock(line, depth)) inner.push(line);
      else if (line.trim() === "" && /^(?: {2,}|\t)\S/.test(lines[index + 1] ?? "")) inner.push("");
      else break;
      index += 1;
    }
    renderBlocks(inner, append(list, "li"), addText, depth + 1);
    if (lines[index]?.trim() === "" && ITEM.test(lines[index + 1] ?? "")) index += 1;
  }
  return index;
}

function isTable(lines, index) {
  if (!lines[index].includes("|") || !lines[index + 1]?.includes("-")) return false;
  const marks = cellsOf(lines[index + 1]);
  return marks.every((each) => DASHES.test(each)) && marks.length === cellsOf(lines[index]).length;
}

function renderTable(lines, start, parent, addText, depth) {
  let end = start + 2;
  while (end < lines.length && lines[end].trim() !== "" && !startsBlock(lines[end], depth)) end += 1;
  const table = append(parent, "table");
  const ends = cellsOf(lines[start + 1]).map((each) => each.endsWith(":"));
  for (const [number, line] of lines.slice(start, end).entries()) {
    if (number === 1) continue;
    const row = append(table, "tr");
    const cells = cellsOf(line);
    for (const [column, isNumber] of ends.entries()) {
      const cell = append(row, number === 0 ? "th" : "td");
      if (isNumber) cell.className = "number";
      renderInline(cells[column] ?? "", cell, addText, 0);
    }
  }
  const source = append(parent, "p");
  source.className = "table-source";
  renderInline(lines.slice(start, end).join("\n"), source, addText, 0);
  return end;
}

/** The cells of a line of a table; an escaped bar separates none. */
function cellsOf(line) {
  const cells = [""];
  const text = line.trim().replace(/^\|/, "");
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === "\\" && index + 1 < text.length) {
      cells[cells.length - 1] += text.slice(index, index + 2);
      index += 1;
    } else if (text[index] === "|") cells.push("");
    else cells[cells.length - 1] += text[index];
  }
  if (cells.length > 1 && cells.at(-1).trim() === "") cells.pop();
  return cells.map((each) => each.trim());
}

function renderParagraph(lines, start, parent, addText, depth) {
  let end = start + 1;
  while (end < lines.length && lines[end].trim() !== "" && !startsBlock(lines[end], depth)) end += 1;
  renderInline(lines.slice(start, end).join("\n"), append(parent, "p"), addText, 0);
  return end;
}

function renderInline(source, parent, addText, depth) {
  let plain = "";
  let index = 0;
  const flush = () => {
    if (plain !== "") addText(parent, plain);
    plain = "";
  };
  while (index < source.length) {
    const taken = depth < MAX_DEPTH ? renderMark(source, index, parent, addText, depth, flush) : 0;
    if (taken > 0) {
      index += taken;
    } else if (taken < 0) {
      // An escape or an entity: plain text that is written otherwise.
      const [text, length] = plainAt(source, index);
      plain += text;
      index += length;
    } else {
      plain += source[index];
      index += 1;
    }
  }
  flush();
}

/** Render the mark at `index` and return its length; 0 if there is none, -1 if it stands for plain text. */
function renderMark(source, index, parent, addText, depth, flush) {
  const nested = (tag, content) => {
    flush();
    const element = append(parent, tag);
    renderInline(content, element, addText, depth + 1);
    return element;
  };
  switch (source[index]) {
    case "\\":
      return ESCAPABLE.test(source[index + 1] ?? "") ? -1 : 0;
    case "&":
      return at(ENTITY, source, index) ? -1 : 0;
    case "`": {
      const marks = runOf("`", source, index);
      const end = closingTicks(source, index + marks, marks);
      if (end < 0) return 0;
      flush();
      append(parent, "code").textContent = source.slice(index + marks, end).trim();
      return end + marks - index;
    }
    case "!": {
      const image = at(IMAGE, source, index);
      if (!image) return 0;
      flush();
      parent.append(picture(image[2], image[1], "markdown-picture"));
      return image[0].length;
    }
    case "[": {
      const link = at(LINK, source, index);
      if (!link) return 0;
      flush();
      const element = linkTo(link[2]);
      parent.append(element);
      renderInline(link[1], element, addText, depth + 1);
      if (webUrl(link[2]) === null) element.append(` (${link[2]})`);
      return link[0].length;
    }
    case "*": {
      const marks = runOf("*", source, index) >= 2 ? 2 : 1;
      const end = closingStars(source, index + marks, marks);
      if (end < 0) return 0;
      nested(marks === 2 ? "strong" : "em", source.slice(index + marks, end));
      return end + marks - index;
    }
    case "<": {
      const font = at(FONT, source, index);
      if (!font) return 0;
      const begin = index + font[0].length;
      const close = closingFont(source, begin);
      if (close === null) return 0;
      const element = nested("span", source.slice(begin, close.index));
      // A property, not an attribute: the value has been checked, and the page's policy forbids style attributes anyway.
      if (COLOUR.test(font[2])) element.style.color = font[2];
      return close.index + close[0].length - index;
    }
    case "\n":
      // Two blanks before the line break keep it; a lone one is swallowed.
      if (!source.slice(0, index).endsWith("  ")) return 0;
      flush();
      append(parent, "br");
      return 1;
    default:
      return 0;
  }
}

function plainAt(source, index) {
  if (source[index] === "\\") return [source[index + 1], 2];
  const entity = at(ENTITY, source, index);
  return [ENTITIES[entity[1].toLowerCase()], entity[0].length];
}

function closingTicks(source, from, marks) {
  for (let index = source.indexOf("`", from); index >= 0; index = source.indexOf("`", index)) {
    const run = runOf("`", source, index);
    if (run === marks) return index;
    index += run;
  }
  return -1;
}

function closingStars(source, from, marks) {
  if (/\s/.test(source[from] ?? " ")) return -1;
  for (let index = source.indexOf("*", from); index >= 0; index = source.indexOf("*", index)) {
    const run = runOf("*", source, index);
    if (!/[\s\\]/.test(source[index - 1]) && index > from && (marks === 2 ? run >= 2 : run !== 2)) {
      return index + run - marks;
    }
    index += run;
  }
  return -1;
}

function closingFont(source, from) {
  let open = 1;
  FONT_TAG.lastIndex = from;
  for (let tag = FONT_TAG.exec(source); tag !== null; tag = FONT_TAG.exec(source)) {
    open += tag[1] === "/" ? -1 : 1;
    if (open === 0) return tag;
  }
  return null;
}

function runOf(mark, source, index) {
  let end = index;
  while (source[end] === mark) end += 1;
  return end - index;
}

function at(pattern, source, index) {
  pattern.lastIndex = index;
  return pattern.exec(source);
}

function append(parent, tag) {
  const element = document.createElement(tag);
  parent.append(element);
  return element;
}
