// Who a message speaks to.

import { element } from "./elements.js";

/** Marks `@value` in plain text where `at` lists the value too; @everyone needs no text and is added at the end. */
export function mentionMarker(at, names, words) {
  const values = names.flatMap((name) => at?.[name] ?? []).filter((value) => value !== "");
  const everyone = at?.isAtAll === true;
  const targets = everyone ? [...values, "所有人", "all"] : values;
  const pattern =
    targets.length > 0 ? new RegExp(`@(?:${longestFirst(targets).map(escaped).join("|")})(?![0-9A-Za-z_])`, "g") : null;
  let everyoneSeen = false;
  const addText = (parent, text) => {
    let end = 0;
    for (const match of pattern ? text.matchAll(pattern) : []) {
      parent.append(text.slice(end, match.index), element("span", "mention", match[0]));
      everyoneSeen ||= everyone && !values.includes(match[0].slice(1));
      end = match.index + match[0].length;
    }
    parent.append(text.slice(end));
  };
  const finish = (bubble) => {
    if (!everyone || everyoneSeen) return;
    const last = bubble.lastElementChild?.tagName === "P" ? bubble.lastElementChild : bubble;
    last.append(" ", element("span", "mention", words.everyone));
  };
  return { addText, finish };
}

function longestFirst(values) {
  return [...values].sort((one, other) => other.length - one.length);
}

function escaped(value) {
  return value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
