"""Checks types and shapes of all calls within `core`, as fast as each can be checked.

jaxtyping's import hook (`--jaxtyping-packages`) wraps every function, binds the arguments of every
call and has beartype check them twice. Only shapes need that: one letter has to mean one size in
all arguments and the result. Most functions have no shape; beartype alone checks the same of them,
and tests take a tenth to a third less time.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, ForwardRef, get_args

import jaxtyping

with_shapes = jaxtyping.jaxtyped


def has_shapes(hint: Any) -> bool:
    """Whether an annotation holds the shape of an array; one that is a text is not looked into."""
    if isinstance(hint, str | ForwardRef):
        return True
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    inner = hint if isinstance(hint, list | tuple) else get_args(hint)
    return any(map(has_shapes, inner))


def checked(given: Any = None, *, typechecker: Callable[[Any], Any]) -> Any:
    """`jaxtyping.jaxtyped` where there are shapes, the type checker by itself elsewhere."""
    if given is None:
        return lambda found: checked(found, typechecker=typechecker)
    made = dataclasses.is_dataclass(given) and vars(given).get("__init__")
    function = made or given
    if not inspect.isfunction(function) or any(
        map(has_shapes, inspect.get_annotations(function).values())
    ):
        return with_shapes(given, typechecker=typechecker)
    if not made:
        return typechecker(function)
    given.__init__ = typechecker(function)
    return given
