"""Type a prompt and see its attribution graph in seconds."""

from explorer.look import notices
from explorer.prompt import page as prompt

notices.guarded(prompt.page)
