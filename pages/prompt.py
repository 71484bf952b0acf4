"""Type a prompt and see its attribution graph in seconds."""

from explorer import prompt, notices

notices.guarded(prompt.page)
