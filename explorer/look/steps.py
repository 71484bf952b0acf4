"""One step of Back for one step of a person: what a change of page writes twice stands once.

Streamlit tells the browser of a new page and of its parameters in two messages, in either order,
and pushes a history entry for each. The half of the two that nobody chose, the old page with the
new parameters or the new page without any, is replaced by the whole that follows at once.
"""

from streamlit.components.v2 import component

_JS = """
const AT_ONCE = 1500; // ms within which the second message comes

/** Is `half` an address that the change of page to `whole` only passed through? */
function passed(half, whole) {
  const from = new URL(half.url, location.href);
  const to = new URL(whole, location.href);
  if (performance.now() - half.at > AT_ONCE) return false;
  if (from.pathname === to.pathname) return !from.search && to.search;
  return half.same && from.search === to.search;
}

export default function () {
  if (window.hagdSteps) return;
  window.hagdSteps = true;
  const push = history.pushState.bind(history);
  let last = null; // the entry that was pushed last
  addEventListener("popstate", () => (last = null));
  history.pushState = (data, title, url) => {
    const whole = String(url ?? location.href);
    if (last && passed(last, whole)) history.replaceState(data, title, url);
    else {
      const same = new URL(whole, location.href).pathname === location.pathname;
      push(data, title, url);
      last = { url: whole, at: performance.now(), same };
      return;
    }
    last = null;
  };
}
"""
_component = component("hagd_steps", html="<i hidden></i>", js=_JS)


def keep_single() -> None:
    """Join what belongs together; called once by the shell, outside of any page."""
    _component(key="steps")
