"""A banner for when the server has stopped: the page alone would only turn grey.

The browser asks for the server's health now and then; twice without an answer shows the banner, the
next answer takes it away. Streamlit itself goes on as soon as a server is there again. The banner
hangs on <body>: the page is greyed out, and Streamlit's own dialog on the matter lies over it.
"""

from streamlit.components.v2 import component

_JS = """
const EVERY = 3000;
const MISSES = 2;
const ID = "server-stopped";

function banner() {
  const known = document.getElementById(ID);
  if (known) return known;
  const made = document.createElement("div");
  made.id = ID;
  made.dataset.testid = ID;
  made.setAttribute("role", "alert");
  made.hidden = true;
  const strong = document.createElement("b");
  strong.textContent = "The server has stopped.";
  const code = document.createElement("code");
  code.textContent = "hagd explore";
  made.append(strong, " Start it again with ", code, "; this page then goes on.");
  document.body.append(made);
  return made;
}

export default function () {
  const health = new URL("_stcore/health", document.baseURI);
  let missed = 0;
  const ask = async () => {
    try {
      const answer = await fetch(health, { cache: "no-store" });
      missed = answer.ok ? 0 : missed + 1;
    } catch {
      missed += 1;
    }
    banner().hidden = missed < MISSES;
  };
  const timer = setInterval(ask, EVERY);
  return () => clearInterval(timer);
}
"""
_component = component("hagd_connection", html="<i hidden></i>", js=_JS)


def watch() -> None:
    """Watch the connection; called once by the shell, outside of any page."""
    _component(key="connection")
