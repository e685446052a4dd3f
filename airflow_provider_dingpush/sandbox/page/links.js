// Links and pictures: the only place that turns a URL from a message into something the browser may follow or load.

const WRAPPED = /^dingtalk:\/\/dingtalkclient\/page\/link\?(.*)$/i;

/** The http(s) URL behind a value, unwrapped from DingTalk's sidebar links; null if there is none. */
export function webUrl(value) {
  if (typeof value !== "string") return null;
  const wrapped = WRAPPED.exec(value.trim());
  const inner = wrapped ? new URLSearchParams(wrapped[1]).get("url") : value.trim();
  let url;
  try {
    url = new URL(inner);
  } catch {
    return null;
  }
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
}

/** A link to the value, or a span that cannot be clicked if the value is not a web URL. */
export function linkTo(value, className) {
  const url = webUrl(value);
  if (url === null) {
    const dead = document.createElement("span");
    dead.className = className ? `${className} dead` : "dead";
    dead.title = String(value);
    return dead;
  }
  const link = document.createElement("a");
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.title = url;
  if (className) link.className = className;
  return link;
}

/** The picture behind the value; a quiet tile in its place if it is not a web URL or does not load. */
export function picture(value, description, className) {
  const url = webUrl(value);
  if (url === null) return tile(description, className);
  const image = document.createElement("img");
  image.referrerPolicy = "no-referrer";
  image.decoding = "async";
  image.alt = description;
  image.className = className;
  image.addEventListener("error", () => image.replaceWith(tile(description, className)), { once: true });
  image.src = url;
  return image;
}

function tile(description, className) {
  const missing = document.createElement("span");
  missing.className = `${className} missing`;
  missing.setAttribute("role", "img");
  missing.setAttribute("aria-label", description);
  return missing;
}
