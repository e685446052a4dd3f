// The language of the page: the reader's choice, or else the browser's.

import { WORDS } from "./words.js";

const LANGUAGE_KEY = "dingtalk-sandbox-language";

export function initialLanguage() {
  return storedLanguage() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
}

export function storeLanguage(language) {
  try {
    localStorage.setItem(LANGUAGE_KEY, language);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
}

/** Write the texts of a language into every element that asks for one. */
export function speakPage(words) {
  document.documentElement.lang = words.locale;
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = words[element.dataset.word];
  }
  for (const element of document.querySelectorAll("[data-word-label]")) {
    element.setAttribute("aria-label", words[element.dataset.wordLabel]);
  }
}

function storedLanguage() {
  try {
    const stored = localStorage.getItem(LANGUAGE_KEY);
    return stored in WORDS ? stored : null;
  } catch {
    return null;
  }
}
