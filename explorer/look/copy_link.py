"""A button that copies the address of the page: the link that opens the same view elsewhere."""

from streamlit.components.v2 import component

_HTML = '<button type="button" class="copy"><span>Copy link</span></button>'
_CSS = """
.copy {
  height: var(--control-h); padding: 0 12px; border-radius: var(--r-2); cursor: pointer;
  border: 1px solid var(--line-2); background: transparent; color: var(--ink-1);
  font: 500 13.5px/1 var(--font-ui); white-space: nowrap;
  transition: background var(--t-fast) var(--ease);
}
.copy:hover { background: var(--bg-2); }
.copy:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
"""
_JS = """
export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  const label = button.querySelector("span");
  const say = (text) => {
    label.textContent = text;
    setTimeout(() => { label.textContent = "Copy link"; }, 1400);
  };
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(window.location.href);
      say("Copied");
    } catch {
      const field = document.createElement("textarea");
      field.value = window.location.href;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      say(done ? "Copied" : "Copy it from the address bar");
    }
  };
}
"""
_component = component("hagd_copy_link", html=_HTML, css=_CSS, js=_JS)


def copy_link(key: str) -> None:
    """Show the button."""
    _component(key=key, width="content")
