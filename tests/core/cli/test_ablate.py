"""`hagd ablate`: logits before and after, equal to the engine's own; every refusal."""

import pytest
import torch

from core.models import Edits, load_model
from tests.core.cli.conftest import Hagd

PROMPT = "<bos> 17 + 40 ="
BASE = ("ablate", "--model", "gpt2-modadd", "--transcoders", "neurons", "--prompt", PROMPT)


def test_ablating_every_head_of_a_layer_equals_the_model_without_them(hagd: Hagd) -> None:
    nodes = [word for head in range(4) for word in ("--node", f"L1H{head}")]
    report = hagd(*BASE, *nodes, "--top", 0, "--json").json
    model = load_model("gpt2-modadd")
    without = model.run(model.encode(PROMPT)[None], Edits(heads={1: torch.zeros_like}))[0]
    by_id = {row["id"]: row["after"] for row in report["logits"]}
    assert len(by_id) == model.d_vocab
    got = torch.tensor([by_id[i] for i in range(model.d_vocab)])
    torch.testing.assert_close(got, without, atol=1e-4, rtol=1e-4)
    assert report["kl"] > 0


def test_scale_of_one_changes_nothing_and_the_value_is_told(hagd: Hagd) -> None:
    report = hagd(*BASE, "--node", "0:4:1", "--scale", 1, "--json").json
    assert report["kl"] == pytest.approx(0, abs=1e-9)
    (node,) = report["nodes"]
    assert node["before"] == node["after"]
    assert report["tokens"] == ["<bos>", "17", "+", "40", "="]


def test_scale_multiplies_the_live_value(hagd: Hagd) -> None:
    (node,) = hagd(*BASE, "--node", "0:4:1", "--scale", "2.5", "--json").json["nodes"]
    assert node["after"] == pytest.approx(2.5 * node["before"])


def test_resample_takes_the_other_prompts_value_and_mean_the_tasks(hagd: Hagd) -> None:
    node = ("--node", "0:4:1", "--json")
    other = hagd(*BASE[:-1], "<bos> 21 + 40 =", *node).json["nodes"][0]["before"]
    resampled = hagd(*BASE, "--how", "resample", "--corrupt", "<bos> 21 + 40 =", *node).json
    assert resampled["nodes"][0]["after"] == pytest.approx(other)
    mean = hagd(*BASE, "--how", "mean", "--task", "modular-addition", *node).json
    assert mean["nodes"][0]["after"] != mean["nodes"][0]["before"]


def test_text_shows_tokens_and_top_change(hagd: Hagd) -> None:
    ran = hagd(*BASE, "--node", "L0H1@4")
    assert ran.code == 0
    assert "Top token: '57' → " in ran.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--node", "9:4:1"], "has no such layer: got layer 9"),
        (["--node", "0:5:1"], "has no such position: got position 5"),
        (["--node", "L0H7"], "has no such head"),
        (["--node", "somewhere"], "Not a node id: got 'somewhere'"),
        (["--node", "a:b:c"], "Not a node id: got 'a:b:c'"),
        (["--node", "[b]"], "Not a node id: got '[b]'"),
        (["--node", "tok:1"], "cannot be changed"),
        (["--node", "0:4:1", "--scale", "nan"], "must be a number from -1e+06 to 1e+06"),
        (["--node", "0:4:1", "--scale", "1e38"], "must be a number from -1e+06 to 1e+06"),
        (["--node", "0:4:1", "--how", "resample"], "--corrupt"),
        (["--node", "0:4:1", "--how", "mean"], "--task"),
        (["--node", "0:4:1", "--how", "mean", "--task", "nosuch"], "Unknown task"),
        (["--node", "0:4:1", "--how", "resample", "--corrupt", "<bos> 1"], "has 2 tokens"),
        ([], "Missing option '--node'"),
    ],
)
def test_bad_input_is_one_message(hagd: Hagd, words: list[str], message: str) -> None:
    assert message in hagd(*BASE, *words).refused()


def test_unknown_model_and_absent_transcoders_are_refused(hagd: Hagd) -> None:
    node = ("--node", "0:4:1")
    words = ("--prompt", PROMPT, *node)
    assert "No model 'nosuch'" in hagd("ablate", "--model", "nosuch", *words).refused()
    at = ("--transcoders", "no/folder")
    assert "no/folder" in hagd("ablate", "--model", "gpt2-modadd", *at, *words).refused()
    unknown = ("ablate", "--model", "gpt2-modadd", "--transcoders", "neurons", *node)
    assert "lacks '99'" in hagd(*unknown, "--prompt", "<bos> 99 =").refused()
