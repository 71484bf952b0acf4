"""Type a prompt and see its attribution graph in seconds."""

from explorer import notices, prompt

notices.guarded(prompt.page)
