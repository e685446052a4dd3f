// Links to the phone of each person.

import { element } from "./elements.js";

export function phoneAddress(userId) {
  return `phone.html?user=${encodeURIComponent(userId)}`;
}

/** Fill the list of links with these people. */
export function linkPhones(place, people) {
  place.replaceChildren(
    ...people.map(({ user_id: userId, name }) => {
      const link = element("a", "phone-link", name);
      link.href = phoneAddress(userId);
      const item = element("li");
      item.append(link);
      return item;
    }),
  );
}
