"""What a reference means: neurons, a bundled kind, a folder, or nothing that is here."""

import pytest
import torch

from core.assets import TRANSCODERS
from core.cli.inputs import transcoders_for
from core.errors import TranscoderError
from core.models import load_model
from core.transcoders import neuron_transcoders, open_transcoders, save_transcoders
from explorer.traces.dictionaries import coders_of
from tests.tiny import tiny_model, tiny_transcoders


@pytest.mark.parametrize(
    ("ref", "folder", "kind"),
    [(None, "nested", "nested"), ("nested", "nested", "nested"), ("topk", "topk", "topk")],
)
def test_a_bundled_kind_is_that_of_this_model(ref, folder, kind):
    found = open_transcoders(load_model("gpt2-modadd"), ref)
    assert found is not None
    assert found.ref == str(TRANSCODERS / "gpt2-modadd" / folder)
    assert found.transcoders.kind == kind


def test_neurons_and_folders_need_no_bundled_model(tmp_path):
    model = tiny_model("gpt2")
    neurons = open_transcoders(model, "neurons")
    assert neurons is not None
    assert (neurons.ref, neurons.transcoders.key) == ("neurons", neuron_transcoders(model).key)
    made = tiny_transcoders(model)
    folder = open_transcoders(model, str(save_transcoders(made, tmp_path / "made")))
    assert folder is not None
    assert folder.ref == str(tmp_path / "made")
    assert torch.equal(folder.transcoders[0].W_enc, made[0].W_enc)


@pytest.mark.parametrize("ref", [None, "nested", "topk"])
def test_a_model_without_bundled_ones_has_none_and_each_caller_has_its_answer(ref, tmp_path):
    model = tiny_model("gpt2")
    assert open_transcoders(model, ref) is None
    with pytest.raises(TranscoderError, match="No transcoders are bundled"):
        transcoders_for(model, ref, tmp_path / "store")
    if ref is None:
        assert coders_of(model, "").key == neuron_transcoders(model).key
    else:
        with pytest.raises(TranscoderError, match=f"No {ref} transcoders are bundled"):
            coders_of(model, ref)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TranscoderError, match="does not exist"):
        open_transcoders(tiny_model("gpt2"), str(tmp_path / "none"))
