"""The screens of the explorer, one thin script each."""
