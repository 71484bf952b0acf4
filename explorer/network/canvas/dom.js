// Building elements. Text always goes through textContent: names and tokens are data, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name === "on") for (const [event, f] of Object.entries(value)) node.addEventListener(event, f);
    else if (name === "style") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const element = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** "+0.41", "−0.05": a true minus sign, as many digits as the size needs. */
export function signed(value, digits) {
  const places = digits ?? (Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 3);
  return (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(places);
}

export const probability = (value) => (value >= 0.9995 ? "1.000" : value.toFixed(3));

/** Hue of a supernode: the letter of its root ancestor, six hues in turn. */
export function roleOf(name) {
  const index = (name?.toUpperCase().charCodeAt(0) ?? 65) - 65;
  return `role-${"abcdef"[((index % 6) + 6) % 6]}`;
}
