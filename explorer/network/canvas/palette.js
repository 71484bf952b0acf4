// The theme's colours as the canvas needs them. CSS variables hold light-dark() pairs, which only
// the browser can settle, so each is read back from a hidden element and kept as [r, g, b, a].

const NAMES = [
  "bg-0", "bg-1", "bg-2", "bg-3", "line-1", "line-2", "ink-1", "ink-2", "ink-3", "ink-inv", "pos", "neg",
  "role-a", "role-b", "role-c", "role-d", "role-e", "role-f", "kind-feature", "kind-head", "kind-error",
  "kind-token", "kind-position", "kind-bias", "kind-logit", "ablated-hatch", "ablated-line", "focus",
];

function parse(text) {
  const numbers = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0];
  return [numbers[0], numbers[1], numbers[2], numbers[3] ?? 1];
}

export function createPalette(root) {
  const probe = document.createElement("span");
  probe.hidden = true;
  root.append(probe);
  const colours = {};
  const listeners = new Set();
  let ground = null;

  function read() {
    for (const name of NAMES) {
      probe.style.color = `var(--${name})`;
      colours[name] = parse(getComputedStyle(probe).color);
    }
    probe.style.color = "var(--bg-0)";
    const style = getComputedStyle(root);
    palette.ui = style.getPropertyValue("--font-ui") || "sans-serif";
    palette.mono = style.getPropertyValue("--font-mono") || "monospace";
  }

  const palette = {
    /** Colour as CSS text, with an opacity of its own where wanted. */
    css: (name, alpha = 1) => {
      const [r, g, b, a] = colours[name] ?? [128, 128, 128, 1];
      return `rgba(${r}, ${g}, ${b}, ${a * alpha})`;
    },
    /** `share` of one colour over another: the tint of a role over the panel. */
    mix: (over, share, under = "bg-1") => {
      const a = colours[over];
      const b = colours[under];
      return `rgb(${[0, 1, 2].map((i) => Math.round(a[i] * share + b[i] * (1 - share))).join(", ")})`;
    },
    /** Re-read when the theme changed; called before each drawing, cheap when it did not. */
    settle() {
      const now = getComputedStyle(probe).color;
      if (now === ground) return;
      read();
      ground = getComputedStyle(probe).color;
    },
    onChange: (f) => listeners.add(f),
    destroy: () => observer.disconnect(),
  };
  const observer = new MutationObserver(() => listeners.forEach((f) => f()));
  const app = document.querySelector(".stApp");
  if (app) observer.observe(app, { attributes: true, attributeFilter: ["class", "style"] });
  palette.settle();
  return palette;
}
