// Links and pictures: the only place that turns a URL from a message into something the browser may follow or load.

const JUMP = /^dingtalk:\/\/dingtalkclient\/action\/open_platform_link\?(.*)$/i;
const WRAPPED = /^dingtalk:\/\/dingtalkclient\/page\/link\?(.*)$/i;
const MEDIA = "/media/";

/** The http(s) URL behind a value, unwrapped from DingTalk's links for PCs; null if there is none. */
export function webUrl(value) {
  if (typeof value !== "string") return null;
  const onPc = parameter(JUMP, "pcLink", value.trim());
  const inner = parameter(WRAPPED, "url", onPc);
  let url;
  try {
    url = new URL(inner);
  } catch {
    return null;
  }
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
}

/** A parameter of an address of this form; any other address as it is. */
function parameter(form, name, address) {
  const found = form.exec(address);
  return found ? (new URLSearchParams(found[1]).get(name) ?? "") : address;
}

/** The address of something that was uploaded to the sandbox; null if the value is none. */
export function mediaUrl(value) {
  if (typeof value !== "string" || !value.startsWith(MEDIA)) return null;
  const url = new URL(value, location.origin);
  // Looked at once more when it is a URL: dots could have led out of the folder.
  return url.origin === location.origin && url.pathname.startsWith(MEDIA) ? url.href : null;
}

/** A link to the value, or a span that cannot be clicked if the value is not a web URL. */
export function linkTo(value, className) {
  return linkOrDead(value, webUrl(value), className);
}

/** The same for something that was uploaded, under the name it was given. */
export function linkToFile(value, name, className) {
  const link = linkOrDead(value, mediaUrl(value) ?? webUrl(value), className);
  if (link.href) {
    link.title = name;
    link.download = name;
  }
  return link;
}

function linkOrDead(value, url, className) {
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

/** The picture behind the value; a quiet tile in its place if it is no address of a picture or does not load. */
export function picture(value, description, className) {
  const url = mediaUrl(value) ?? webUrl(value);
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

/** The picture behind the value as a link to itself in full size. */
export function pictureLink(value, description, className, pictureClass) {
  const link = linkOrDead(value, mediaUrl(value) ?? webUrl(value), className);
  link.title = description;
  link.append(picture(value, description, pictureClass));
  return link;
}

function tile(description, className) {
  const missing = document.createElement("span");
  missing.className = `${className} missing`;
  missing.setAttribute("role", "img");
  missing.setAttribute("aria-label", description);
  return missing;
}
