// The height of a page's work: what is left between the lines above the canvas and the answer bar.
//
// Lines above come and go (a notice, a second line of breadcrumbs), so the canvas measures them. The
// inspector beside it has the same height, by the same variable.

const LEAST = 320;

/** Keep `--work-h` of the page; returns a function that stops. */
export function keepHeight(app) {
  const page = document.querySelector(".stApp");
  const holder = document.querySelector('[data-testid="stMainBlockContainer"]');
  const scrolled = () => document.querySelector('[data-testid="stMain"]')?.scrollTop ?? 0;
  let last = null;

  function measure() {
    if (!app.data?.height?.includes("--work-h") || !app.root.isConnected || !page) return;
    const style = getComputedStyle(app.root);
    const [bar, gap] = ["--bar-h", "--gap"].map((name) => parseFloat(style.getPropertyValue(name)) || 0);
    const room = window.innerHeight - app.root.getBoundingClientRect().top - scrolled() - bar - gap;
    const height = `${Math.max(LEAST, Math.floor(room))}px`;
    if (height === last) return;
    last = height;
    page.style.setProperty("--work-h", height);
  }

  const observer = new ResizeObserver(measure);
  if (holder) observer.observe(holder);
  window.addEventListener("resize", measure);
  return {
    measure,
    stop() {
      observer.disconnect();
      window.removeEventListener("resize", measure);
      if (last) page?.style.removeProperty("--work-h");
    },
  };
}
