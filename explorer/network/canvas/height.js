// The height of a page's work: what is left between the lines above the canvas and what stands below.
//
// Lines above come and go (a notice, a second line of breadcrumbs), so the canvas measures them. The
// inspector beside it has the same height, by the same variable. Below are the answer bar and, where
// the page says so (`data.below`), panels of a known height.

const NAMES = ["--work-h", "--lab-h"]; // a variable that a page's height may be written with
const LEAST = 280;

/** Keep the variable of the page's height; returns a function that stops. */
export function keepHeight(app) {
  const page = document.querySelector(".stApp");
  const holder = document.querySelector('[data-testid="stMainBlockContainer"]');
  const scrolled = () => document.querySelector('[data-testid="stMain"]')?.scrollTop ?? 0;
  let last = null;
  let name = null;

  function measure() {
    name = NAMES.find((one) => app.data?.height?.includes(one));
    if (!name || !app.root.isConnected || !page) return;
    const style = getComputedStyle(app.root);
    const [bar, gap] = ["--bar-h", "--gap"].map((one) => parseFloat(style.getPropertyValue(one)) || 0);
    const below = (app.data.parts?.includes("bar") ? bar : 0) + (app.data.below ?? 0);
    const room = window.innerHeight - app.root.getBoundingClientRect().top - scrolled() - below - gap;
    const height = `${Math.max(LEAST, Math.floor(room))}px`;
    if (height === last) return;
    last = height;
    page.style.setProperty(name, height);
  }

  const observer = new ResizeObserver(measure);
  if (holder) observer.observe(holder);
  window.addEventListener("resize", measure);
  return {
    measure,
    stop() {
      observer.disconnect();
      window.removeEventListener("resize", measure);
      if (last) page?.style.removeProperty(name);
    },
  };
}
