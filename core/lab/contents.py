"""What is asked of the Lab and what it answers."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.choices import ErrorsAre, Inside
from core.errors import SettingsError
from core.interventions import Ablation

Claim = Literal["shown", "not shown", "undecided"]
MOST_SCALED = 1e6
"""Factor of a live value, at most: far beyond it single precision overflows inside the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One node set to another value."""

    node: str
    """Feature `L:P:F`, head `L0H2` or `L0H2@4`, error `e:L:P`; positions aligned at the right."""
    scale: int | float
    """0 = to its reference (ablated), 1 = live (restored), anything else = live value times it."""

    def __post_init__(self) -> None:
        if not abs(self.scale) <= MOST_SCALED:  # so that nan is refused too
            raise SettingsError(
                f"The scale of {self.node} is {self.scale:g}; it must be a number from "
                f"{-MOST_SCALED:g} to {MOST_SCALED:g}. Write 0 to ablate, 1 to restore, or a "
                "factor."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSettings:
    """In what setting changes are made."""

    how: Ablation = Ablation.RESAMPLE
    """Where an ablated value goes: the corrupt prompt's, the mean on another split, or zero."""
    errors: ErrorsAre = "live"
    """Reconstruction errors. Inside the model: live, or all of them at their mean or zero. Inside
    the circuit errors are outside it, so "live" means at their reference with everything else
    (strict); mean and zero put them there instead."""
    inside: Inside = "model"
    """"model": everything that is not changed runs as in the model. "circuit": everything outside
    the circuit is at its reference, and changes apply on top."""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("errors", self.errors, ("live", "mean", "zero")),
            ("inside", self.inside, ("model", "circuit")),
        ):
            if value not in known:
                raise SettingsError(
                    f"The Lab's setting {name} is {value!r}; it must be one of {', '.join(known)}. "
                    "Choose one of them."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """One test prompt as a person reads it."""

    index: int
    """Its number in the Lab, 0 first."""
    text: str
    """The clean prompt."""
    corrupt: str
    """Its counterfactual, where resampled values come from."""
    tokens: tuple[str, ...]
    """The clean prompt's tokens."""
    ids: tuple[int, ...]
    """Their vocabulary ids."""
    shift: int
    """Aligned position = place in `tokens` + shift."""
    answer: str
    """Right next token, as text."""
    wrong: str
    """Right next token of the counterfactual."""
    answer_id: int
    """Vocabulary id of `answer`."""
    wrong_id: int
    """Vocabulary id of `wrong`."""
    variables: dict[str, int | float | str]
    """Declared task variables."""
    roles: tuple[str, ...]
    """Name of each of its positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One way of running one prompt."""

    p_answer: float
    """Probability of the answer."""
    logit_diff: float
    """logit(answer) − logit(wrong)."""
    top: str
    """The most probable token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """Probability of one token in each series."""

    token: int
    """Vocabulary id."""
    text: str
    """The token."""
    full: float
    """In the full model."""
    circuit: float
    """In the circuit alone."""
    changed: float
    """With the changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One prompt's next token: full model, circuit alone, and with the changes."""

    prompt: int
    """Number of the prompt."""
    full: Series
    """The model as it is."""
    circuit: Series
    """The circuit alone, nothing changed."""
    changed: Series
    """With the changes, inside the model or the circuit as the settings say."""
    rows: tuple[TokenRow, ...]
    """Answer first, then wrong, then the largest of any series, by probability with the changes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskEffect:
    """All test prompts at once, in the Lab's order."""

    full: Float[Tensor, " prompt"]
    """P(answer) in the full model."""
    circuit: Float[Tensor, " prompt"]
    """P(answer) in the circuit alone."""
    changed: Float[Tensor, " prompt"]
    """P(answer) with the changes."""
    correct: Bool[Tensor, "3 prompt"]
    """Whether the answer is on top: full, circuit, changed."""
    accuracy_full: float
    accuracy_circuit: float
    accuracy_changed: float
    faithfulness_full: float
    """F of the full model: 1, or NaN where it is no better than the empty circuit."""
    faithfulness_circuit: float
    """F of the circuit alone; NaN as well where that of the model is."""
    faithfulness: float
    """F with the changes."""
    chance: float
    """1 / number of different answers in the task."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A figure of the selection beside the same figure of random selections."""

    value: float
    """Of the selection."""
    random: Float[Tensor, " draw"]
    """Of each random selection of the same size."""
    p_value: float
    """(1 + #{random ≥ value}) / (draws + 1)."""
    claim: Claim
    """Shown where p < 0.05, and the figure is large enough to matter and enough above the random
    selections' mean; undecided where it is large, but these are nearly the same nodes or hardly
    any of them is matched."""
    matched: float
    """Share of its random nodes drawn from the same layer, position and quarter of activation; the
    others come from the same layer and position, the same layer, or anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomTest:
    """Is the selection more than any selection of its size?"""

    size: int
    """Nodes in the selection."""
    draws: int
    """Random selections."""
    n_prompts: int
    """Prompts each was run on."""
    necessity: Comparison
    """F lost when it is ablated."""
    sufficiency: Comparison
    """F when the rest of the circuit is ablated."""
    overlap: float
    """Share of random nodes that are in the selection; 0 unless there are too few others."""
    prompts: Int[Tensor, " prompt"]
    """Numbers of the prompts it was run on."""
    random_p_answer: Float[Tensor, " prompt"]
    """P(answer) with a random selection ablated, mean over draws."""
    verdict: str
    """"Necessary, not sufficient." and the like."""
    sentence: str
    """The verdict and why, in words."""
