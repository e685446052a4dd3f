// The notes beside messages: refused, only a test of a connection, repeated, or lost by a planned fault; DINGs, to-dos.

import { element } from "./elements.js";

/** The text of a note. */
export function noteText(line, words) {
  const text = element("span", "note-text");
  text.dir = "auto";
  if (line.kind === "refused") {
    text.append(`${words.refused}: `, element("b", "", codeOf(line)), ` ${reasonOf(messageOf(line))}`);
    text.title = messageOf(line);
  } else if (line.kind === "tested") {
    text.append(words.tested);
    if (!line.passed) text.append(words.testedReason, element("b", "", codeOf(line)), ` ${reasonOf(messageOf(line))}`);
    text.title = messageOf(line);
  } else if (line.kind === "ding") {
    text.append(element("b", "", words.ding[line.ding.kind]), ` ${line.ding.content}`);
  } else if (line.kind === "todo") {
    text.append(element("b", "", words.todo), ` ${line.todo.subject}`);
  } else if (line.kind === "repeated") {
    if (line.msgUuid) text.append(words.repeated, element("code", "", line.msgUuid));
    else text.append(words.repeatedContent);
  } else {
    text.append(words.fault, element("code", "", String(line.fault)));
  }
  return text;
}

/** The same in plain words, for the list of conversations. */
export function noteWords(line, words) {
  if (line.kind === "ding") return `[${words.ding[line.ding.kind]}] ${line.ding.content}`;
  if (line.kind === "todo") return `[${words.todo}] ${line.todo.subject}`;
  return line.kind === "refused"
    ? `[${words.refused}] ${codeOf(line)} ${reasonOf(messageOf(line))}`
    : `[${words.faultTag}] ${line.fault}`;
}

/** The code in either of DingTalk's two dialects; the older one packs a second code into some of its refusals. */
function codeOf(line) {
  const code = String(line.errcode ?? line.code ?? "");
  return line.sub_code ? `${code}/${line.sub_code}` : code;
}

function messageOf(line) {
  return String(line.sub_msg ?? line.errmsg ?? line.message ?? "");
}

/** The cause out of "description:cause;solution:what to do;...", the form of most of DingTalk's refusals. */
function reasonOf(message) {
  return /^description:([^;]*);/.exec(message)?.[1] ?? message;
}
