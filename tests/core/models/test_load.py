"""Folders that must load, and folders that must be refused with one clear message."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import ModelError, UnsupportedModelError
from core.models import hub, load, load_model
from tests.tiny import KINDS, tiny_hf, tiny_tokenizer


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path, "gpt2")


def save(path, kind):
    tiny_hf(kind).save_pretrained(path)
    tiny_tokenizer().save_pretrained(path)
    return path


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_loads_with_the_same_key(tmp_path, kind):
    model = load_model(save(tmp_path, kind))
    ids = torch.tensor([[1, 5, 9]])
    assert model.key == load_model(tmp_path).key
    torch.testing.assert_close(model.logits(ids), tiny_hf(kind)(input_ids=ids).logits[:, -1])


def test_no_such_model_names_what_there_is():
    with pytest.raises(ModelError, match="no bundled name.*owner/name"):
        load_model("no-such-model")


def test_a_misspelt_name_is_told_the_nearest_alone(monkeypatch):
    monkeypatch.setattr(load, "bundled_models", lambda: ("gpt2-modadd", "gpt2-parity", "neox-x"))
    with pytest.raises(ModelError, match=r"\(did you mean gpt2-modadd; 2 others: hagd models\)"):
        load_model("gpt2-modad")
    with pytest.raises(ModelError, match=r"\(such as gpt2-modadd; 2 others"):
        load_model("qqqq")


def test_a_hub_id_is_refused_at_once_where_the_hub_is_out_of_reach(monkeypatch):
    monkeypatch.setattr(hub, "_answers", lambda: False)
    with pytest.raises(ModelError, match="No model 'no-such/model' here: .* cannot be reached"):
        load_model("no-such/model")


def test_a_copy_of_a_hub_model_is_used_where_the_hub_is_out_of_reach(folder, monkeypatch):
    monkeypatch.setattr(hub, "_answers", lambda: False)
    monkeypatch.setattr(hub, "snapshot_download", lambda ref, local_files_only: str(folder))
    model = load_model("some/one")
    assert (model.key, model.name, model.path) == (load_model(folder).key, "one", None)


def test_a_request_that_fails_is_no_answer(monkeypatch):
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    assert not hub._answers()


def test_a_folder_without_config(tmp_path):
    with pytest.raises(ModelError, match="no config.json"):
        load_model(tmp_path)


def test_a_config_that_is_no_json(folder):
    (folder / "config.json").write_text("{ not json")
    with pytest.raises(ModelError, match="config cannot be read"):
        load_model(folder)


def test_another_architecture_is_refused_by_name(folder):
    edit_config(folder, model_type="bert")
    with pytest.raises(UnsupportedModelError, match="'bert'.*GPT-2.*Llama"):
        load_model(folder)


def test_an_unknown_attribute_is_refused_by_name(folder):
    edit_config(folder, use_quantum_attention=True)
    with pytest.raises(UnsupportedModelError, match="use_quantum_attention"):
        load_model(folder)


def test_a_value_we_cannot_handle_is_refused(folder):
    edit_config(folder, add_cross_attention=True)
    with pytest.raises(UnsupportedModelError, match="add_cross_attention=True"):
        load_model(folder)


def test_remote_code_is_never_run(folder):
    edit_config(folder, auto_map={"AutoModelForCausalLM": "evil.Model"})
    with pytest.raises(ModelError, match=r"remote code .*auto_map.* is required; take a copy"):
        load_model(folder)


def test_quantised_weights_are_refused(folder):
    edit_config(folder, quantization_config={"bits": 4})
    with pytest.raises(ModelError, match=r"quantised weights .*Plain float weights are required"):
        load_model(folder)


def test_pickled_weights_are_never_read(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="Pickled weights"):
        load_model(folder)


def test_truncated_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError, match="weights cannot be loaded"):
        load_model(folder)


@pytest.mark.parametrize("held", ["[1]", '"gpt2"', "3"])
def test_a_config_that_is_no_object_is_refused(folder, held):
    (folder / "config.json").write_text(held)
    with pytest.raises(ModelError, match="its config.json holds no JSON object"):
        load_model(folder)


def test_a_prompt_that_is_no_utf8_is_refused(folder):
    with pytest.raises(
        ModelError, match=r"The prompt '<bos> \\udcff' has a part that is not UTF-8"
    ):
        load_model(folder).encode("<bos> \udcff")


def test_missing_weights_are_not_drawn_at_random(folder, caplog):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["transformer.h.0.mlp.c_fc.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 tensors.*c_fc"):
        load_model(folder)
    assert not caplog.records  # the library's own report says it again, at length


def test_weights_that_are_not_finite(folder):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["transformer.h.0.mlp.c_fc.weight"][0, 0] = float("nan")
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="not finite"):
        load_model(folder)


def test_a_folder_without_tokenizer(tmp_path):
    tiny_hf("gpt2").save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="tokenizer"):
        load_model(tmp_path)


def test_a_tokenizer_larger_than_the_model(folder):
    tiny_tokenizer([f"t{i}" for i in range(99)] + ["<pad>", "<bos>", "<unk>"]).save_pretrained(
        folder
    )
    with pytest.raises(ModelError, match="102 tokens, the model 20"):
        load_model(folder)


def test_prompts_are_refused_with_the_words_that_are_missing(folder):
    model = load_model(folder)
    with pytest.raises(ModelError, match="'zebra'"):
        model.encode("<bos> w1 zebra")
    with pytest.raises(ModelError, match="empty"):
        model.encode("")
    with pytest.raises(ModelError, match="at most 12"):
        model.encode("w1 " * 13)
