// Makes elements, and writes times and durations. Text never becomes markup.

/** Makes an element. A child that is null or false is left out, and a string becomes text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A list of names and values. A value may be a string, an element, or an array of both. */
export function facts(rows, attributes = {}) {
  const list = element("dl", { class: "facts", ...attributes });
  for (const [name, value] of rows.filter(Boolean)) {
    list.append(element("dt", {}, name), element("dd", {}, value));
  }
  return list;
}

/** A remark on a value, in the font of prose. */
export function note(text) {
  return element("span", { class: "note" }, ` ${text}`);
}

/** The local time of day, with the date if that is not today. */
export function time(milliseconds) {
  const date = new Date(milliseconds);
  const clock = date.toLocaleTimeString("en-GB");
  return date.toDateString() === new Date().toDateString() ? clock : `${date.toLocaleDateString("en-CA")} ${clock}`;
}

/** A duration in its two largest units, such as "19 h 59 min", without a line break in it. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const units = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = units.findIndex(([count]) => count > 0);
  if (first < 0) return "0\u00a0s";
  const shown = units.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count}\u00a0${unit}`).join("\u00a0");
}

/** How far a time is from a clock, such as "2 s behind the server’s clock". */
export function difference(seconds, clock) {
  if (seconds === 0) return `the same second as ${clock}`;
  return `${duration(Math.abs(seconds))} ${seconds > 0 ? "ahead of" : "behind"} ${clock}`;
}
