"""What a circuit's validation found: the verdict, its controls, and what the errors carry."""

from explorer.look import notices
from explorer.validation import page as validation

notices.guarded(validation.page)
