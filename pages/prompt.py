"""Type a prompt and see its attribution graph in seconds."""

from explorer import prompt

prompt.page()
