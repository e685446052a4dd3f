// The hint in an empty conversation: how to send a first message to it.

import { userIdOf } from "./conversations.js";
import { element } from "./elements.js";

// The custom robots live in the first group.
const ROBOTS_GROUP = "group:1";

/** Fill the places in `section` for a conversation that has nothing yet. */
export function sayFirstMessage(section, conversation, { robots, apps, groups }, words) {
  const robot = conversation.key === ROBOTS_GROUP ? robots[0] : undefined;
  for (const part of section.querySelectorAll(".by-robot")) part.hidden = robot === undefined;
  if (robot !== undefined) section.querySelector(".curl").textContent = curl(robot, words);
  const byApp = section.querySelector(".by-app");
  byApp.hidden = apps.length === 0;
  // Beside the command it is the second way, and folded away; without one it is the only way.
  byApp.open = robot === undefined;
  byApp.querySelector("summary").textContent = words.byApp[conversation.kind];
  byApp.querySelector(".ids").replaceChildren(
    ...apps.flatMap((app) => idsOf(app, conversation, groups)).flatMap(([name, value]) => [
      element("dt", "", name),
      element("dd", "", String(value)),
    ]),
  );
}

function curl(robot, words) {
  const text = [words.firstMessage, robot.keyword].filter(Boolean).join(" ");
  const body = JSON.stringify({ msgtype: "text", text: { content: text } });
  return `curl ${quoted(robot.webhook_url)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}`;
}

function idsOf(app, conversation, groups) {
  const ids = [["AppKey", app.app_key]];
  if (conversation.kind === "notification") ids.push(["AgentId", app.agent_id]);
  else ids.push(["robotCode", app.robot_code]);
  if (conversation.kind !== "group") ids.push(["userId", userIdOf(conversation)]);
  // An app names one of the groups that its robot is in; of several, the page doesn't know which.
  else if (groups === 1 && app.group) ids.push(["openConversationId", app.group]);
  return ids;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
