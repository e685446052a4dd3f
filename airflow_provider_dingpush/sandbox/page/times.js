// Times as the reader's language writes them; all times come in as epoch seconds.

export function dayOf(at) {
  return new Date(at * 1000).toDateString();
}

/** The time of the day. */
export function clockWords(at, words) {
  return formatted(at, words, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** Day and time, as they are shown between messages. */
export function timeWords(at, words) {
  return `${nearDay(at, words) ?? formatted(at, words, { dateStyle: "medium" })} ${clockWords(at, words)}`;
}

/** As short as the list of conversations wants it: the time of today, or the day. */
export function listTimeWords(at, words) {
  if (dayOf(at) === dayOf(Date.now() / 1000)) return clockWords(at, words);
  return nearDay(at, words) ?? formatted(at, words, { month: "numeric", day: "numeric" });
}

function nearDay(at, words) {
  const now = Date.now() / 1000;
  if (dayOf(at) === dayOf(now)) return words.today;
  return dayOf(at) === dayOf(now - 86400) ? words.yesterday : null;
}

function formatted(at, words, options) {
  return new Intl.DateTimeFormat(words.locale, options).format(new Date(at * 1000));
}
