"""Result bundles: round trip, atomic writing, and every damage refused by its file's name."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.bundle import (
    FILES,
    Bundle,
    Source,
    list_bundles,
    locate,
    open_bundle,
    portable,
    provenance,
    relabel,
    write_bundle,
)
from core.bundle.files import SCHEMA
from core.bundle.origin import missing_parts
from core.circuit import Attention, Circuit, FeatureNode, HeadNode, node_ids
from core.errors import CoreError, FormatError, UnknownSchemaError
from core.graph import AttributionGraph, NodeKind
from core.hierarchy import Hierarchy
from core.report import report_html
from core.store import code_version

NODES = (FeatureNode(0, 2, 5), FeatureNode(1, 2, 7), FeatureNode(0, 1, 3))


def graph() -> AttributionGraph:
    """A token feeds three features, which feed one logit."""
    kinds = (NodeKind.TOKEN, *[NodeKind.FEATURE] * 3, NodeKind.LOGIT)
    return AttributionGraph(
        kind=torch.tensor([int(kind) for kind in kinds]),
        layer=torch.tensor([-1, *(node.layer for node in NODES), 2]),
        position=torch.tensor([1, *(node.position for node in NODES), 2]),
        index=torch.tensor([4, *(node.feature for node in NODES), 9]),
        activation=torch.tensor([1.0, 0.1, 2.0, 1 / 3, 5.0]),
        logit_weight=torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0]),
        edge_index=torch.tensor([[0, 0, 1, 2, 3], [1, 3, 2, 4, 4]]),
        direct_effect=torch.tensor([0.1, -1e-8, 3.4e5, torch.pi, 2.0]),
    )


def tree() -> Hierarchy:
    """Two supernodes under the root: leaves 0 and 2, leaf 1."""
    return Hierarchy(
        parent=np.array([-1, 0, 0]),
        start=np.array([0, 0, 2]),
        stop=np.array([3, 2, 3]),
        order=np.array([0, 2, 1]),
        edge_index=np.array([[0], [1]]),
        weight=np.array([0.5]),
    )


def bundle(**changes) -> Bundle:
    sources = {part: Source(ref=f"no-such-{part}", key=part[0]) for part in ("model", "task")}
    record = provenance(
        **sources,
        transcoders=Source(ref="neurons", key="t2"),
        settings={"size": 3},
        seed=0,
        command="hagd run",
    )
    fields = {
        "name": "sums",
        "title": "a + b <mod> 59",
        "circuit": Circuit(
            nodes=NODES, model_key="m", transcoder_key="t2", task_key="t", seed=0, settings={}
        ),
        "hierarchy": tree(),
        "graph": graph(),
        "validation": {
            "verdict": "holds",
            "reasons": ["It <holds>."],
            "faithfulness": 0.97,
            "phi": 0.98,
            "phi_empty": 0.02,
            "necessity": float("nan"),
            "random": {
                "n": 100,
                "faithfulness_mean": 0.1,
                "faithfulness_max": 0.2,
                "p_value": 0.01,
            },
            "curve": [{"size": s, "faithfulness": s / 3, "phi": 1.0} for s in (1, 2, 3)],
            "other_regimes": [{"ablation": "mean", "error_regime": "ablated", "phi": 0.9}],
        },
        "provenance": record,
        "tensors": {"edge.mean_abs": torch.rand(5), "node.frequency": torch.rand(5)},
        "labels": {"0:2:5": "cos 5·s", "A": "sum"},
    }
    return Bundle(**(fields | changes))


def test_what_is_written_is_what_is_read(tmp_path):
    made = bundle()
    written = write_bundle(made, tmp_path / "sums")
    read = open_bundle(tmp_path / "sums")
    assert sorted(p.name for p in written.path.iterdir()) == sorted(FILES)
    assert (read.circuit, read.name, read.title) == (made.circuit, made.name, made.title)
    assert read.labels == made.labels
    for column in ("kind", "layer", "index", "activation", "edge_index", "direct_effect"):
        assert torch.equal(getattr(read.graph, column), getattr(made.graph, column))
    assert np.array_equal(read.hierarchy.order, made.hierarchy.order)
    assert torch.equal(read.tensors["edge.mean_abs"], made.tensors["edge.mean_abs"])
    assert read.validation["necessity"] is None
    assert read.provenance["code_version"] == code_version()


def test_a_model_that_is_not_here_is_named_and_the_bundle_opens(tmp_path):
    read = open_bundle(write_bundle(bundle(), tmp_path / "b").path)
    assert len(read.missing) == 2
    assert "model 'no-such-model'" in read.missing[0]
    assert "Lab needs the model" in read.missing[0]


def test_nothing_is_left_beside_a_written_bundle_and_a_second_write_replaces_it(tmp_path):
    write_bundle(bundle(), tmp_path / "b")
    write_bundle(bundle(title="second"), tmp_path / "b")
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
    assert open_bundle(tmp_path / "b").title == "second"


def test_a_write_that_fails_leaves_the_old_bundle(tmp_path):
    write_bundle(bundle(title="old"), tmp_path / "b")
    with pytest.raises(TypeError):
        write_bundle(
            bundle(validation={"verdict": "holds", "reasons": [], "x": {1, 2}}), tmp_path / "b"
        )
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
    assert open_bundle(tmp_path / "b").title == "old"


def test_a_folder_with_other_things_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FormatError, match="holds 'thesis.tex'"):
        write_bundle(bundle(), tmp_path)
    with pytest.raises(FormatError, match="it is a file"):
        write_bundle(bundle(), tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_parts_that_disagree_are_refused_before_anything_is_written(tmp_path):
    few = Circuit(nodes=NODES[:2], model_key="m", transcoder_key="t2", task_key="t", seed=0)
    with pytest.raises(FormatError, match="hierarchy.json.*3 leaves.*2 nodes"):
        write_bundle(bundle(circuit=few), tmp_path / "b")
    other = Circuit(nodes=NODES, model_key="x", transcoder_key="t2", task_key="t", seed=0)
    with pytest.raises(FormatError, match="provenance.json.*model key"):
        write_bundle(bundle(circuit=other), tmp_path / "b")
    assert not list(tmp_path.iterdir())


def test_labels_are_kept_and_a_persons_label_wins(tmp_path):
    written = write_bundle(bundle(), tmp_path / "b")
    relabel(written, {"0:2:5": "mine"})
    assert open_bundle(tmp_path / "b").labels == {"0:2:5": "mine", "A": "sum"}
    with pytest.raises(FormatError, match="no folder yet"):
        relabel(bundle(), {})


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "empty"])
def test_each_damage_to_each_file_is_refused_by_its_name(tmp_path, name, damage):
    path = write_bundle(bundle(), tmp_path / "b").path / name
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif name == "provenance.json":  # one digit of what it says
        path.write_bytes(bytes(data).replace(b'"seed": 0', b'"seed": 1'))
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(FormatError, match=re.escape(name)):
        open_bundle(path.parent)


def test_a_provenance_that_was_altered_is_noticed_in_the_list_too(tmp_path):
    folder = write_bundle(bundle(), tmp_path / "b").path
    rewrite(folder, "provenance.json", lambda record: record.update(command="hagd run --seed 7"))
    with pytest.raises(FormatError, match="provenance.json is damaged.*as written"):
        open_bundle(folder)
    (info,) = list_bundles(tmp_path)
    assert info.error is not None
    assert "provenance.json" in info.error


@pytest.mark.parametrize("name", ["validation.json", "circuit.json"])
def test_figures_that_were_altered_are_not_listed(tmp_path, name):
    folder = write_bundle(bundle(), tmp_path / "b").path
    path = folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    (info,) = list_bundles(tmp_path)
    assert info.error is not None
    assert f"{name} is damaged: got sha256" in info.error
    assert not info.validation


def test_a_bundle_from_before_the_seal_still_opens(tmp_path):
    folder = write_bundle(bundle(), tmp_path / "b").path
    rewrite(folder, "circuit.json", lambda head: head.pop("provenance_sha256"))
    assert open_bundle(folder).name == "sums"


@pytest.mark.parametrize("part", ["model", "transcoders", "task"])
@pytest.mark.parametrize("ref", ["../private", "assets/../../private", "./private"])
def test_a_reference_to_what_is_no_such_part_is_refused(tmp_path, part, ref):
    for place in (tmp_path / "private", tmp_path / "b" / "private"):
        place.mkdir(parents=True)
    record = {**bundle().provenance, part: {"ref": ref, "key": part[0]}}
    with pytest.raises(FormatError, match="leads to .*private|leads out of the assets"):
        missing_parts(record, tmp_path / "b")


def rewrite(folder, name, change):
    """Alters one JSON file and its checksum, as another program might."""
    import hashlib

    value = json.loads((folder / name).read_text())
    change(value)
    data = json.dumps(value).encode()
    (folder / name).write_bytes(data)
    if name != "provenance.json":
        digest = hashlib.sha256(data).hexdigest()
        rewrite(folder, "provenance.json", lambda record: record["files"].update({name: digest}))


@pytest.mark.parametrize(
    "name", ["circuit.json", "hierarchy.json", "graph.json", "provenance.json"]
)
def test_an_unknown_schema_is_named(tmp_path, name):
    folder = write_bundle(bundle(), tmp_path / "b").path
    rewrite(folder, name, lambda value: value.update(schema="hagd-future/9"))
    with pytest.raises(UnknownSchemaError, match=f"{name}.*hagd-future/9"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("circuit.json", lambda v: v["nodes"].append("0:0:0"), "hierarchy.json.*3 leaves"),
        ("circuit.json", lambda v: v["nodes"].__setitem__(0, "9:9:9"), "graph.json.*no node for 1"),
        ("circuit.json", lambda v: v["nodes"].__setitem__(0, "no"), "circuit.json.*Not a node"),
        ("circuit.json", lambda v: v.update(labels=[]), "circuit.json.*labels"),
        ("circuit.json", lambda v: v.update(title=3), "circuit.json.*title"),
        ("circuit.json", lambda v: v.update(model_key="x"), "provenance.json.*model key"),
        ("graph.json", lambda v: v["nodes"]["layer"].pop(), "graph.json.*'layer'"),
        ("graph.json", lambda v: v["edges"]["source"].__setitem__(0, 99), "graph.json.*99"),
        ("graph.json", lambda v: v["edges"]["source"].__setitem__(0, "x"), "graph.json.*'source'"),
        ("validation.json", lambda v: v.update(verdict="great"), "validation.json.*'great'"),
        ("validation.json", lambda v: v.update(verdict=["holds"]), "validation.json.*'holds'"),
        ("validation.json", lambda v: v.update(reasons="no"), "validation.json.*reasons"),
        ("validation.json", lambda v: v.update(reasons=[1]), "validation.json.*sentences"),
        ("validation.json", lambda v: v.update(phi="x"), "phi 'x'; required a finite number"),
        ("validation.json", lambda v: v.update(phi=10**400), "phi 1000.*a finite number"),
        ("validation.json", lambda v: v.update(gate=True), "gate True; required a finite number"),
        ("validation.json", lambda v: v.update(n_nodes=None), "n_nodes None; .* whole number"),
        ("validation.json", lambda v: v.update(phi_ci=[0.1]), "phi_ci .*two numbers"),
        ("validation.json", lambda v: v.update(random=[]), "random .*an object"),
        ("validation.json", lambda v: v["random"].update(n="9"), r"random\.n '9'.*whole number"),
        ("validation.json", lambda v: v["curve"][1].pop("phi"), "curve .*size, faithfulness"),
        ("validation.json", lambda v: v["curve"][1].update(size=-1), r"curve\.size -1"),
        ("validation.json", lambda v: v.update(failed={"mean": 3}), "failed .*lists of names"),
        ("validation.json", lambda v: v["other_regimes"][0].update(split={}), "split .*text"),
        ("circuit.json", lambda v: v.update(title="\ud800"), "circuit.json.*surrogates"),
        ("provenance.json", lambda v: v.pop("task"), "provenance.json.*'task'"),
        ("provenance.json", lambda v: v.pop("files"), "provenance.json.*checksums"),
    ],
)
def test_a_wrong_field_is_refused_by_its_file(tmp_path, name, change, match):
    folder = write_bundle(bundle(), tmp_path / "b").path
    rewrite(folder, name, change)
    with pytest.raises(FormatError, match=match):
        open_bundle(folder)


def test_fields_may_be_absent_whole_or_null(tmp_path):
    folder = write_bundle(bundle(), tmp_path / "b").path
    figures = {"verdict": "holds", "reasons": [], "logit_diff": -5, "phi": None}
    rewrite(folder, "validation.json", lambda v: (v.clear(), v.update(figures)))
    assert open_bundle(folder).validation == figures


def test_a_list_shows_heads_newest_first_and_the_damaged_with_their_error(tmp_path):
    for name, time in (("old", "2026-01-01"), ("new", "2026-02-01"), ("bad", "2026-03-01")):
        made = bundle(name=name)
        made.provenance["created"] = time  # type: ignore[index]
        write_bundle(made, tmp_path / name)
    (tmp_path / "bad" / "circuit.json").write_text("{")
    (tmp_path / "notes").mkdir()
    infos = list_bundles(tmp_path, tmp_path / "nowhere")
    assert [info.name for info in infos] == ["new", "old", "bad"]
    assert infos[2].error is not None
    assert "circuit.json" in infos[2].error
    head = infos[0]
    assert (head.error, head.n_nodes, head.verdict) == (None, 3, "holds")
    assert head.validation["random"]["n"] == 100


def test_paths_are_kept_relative_and_found_again_after_a_move(tmp_path, monkeypatch):
    (tmp_path / "home" / "coders").mkdir(parents=True)
    kept = portable(str(tmp_path / "home" / "coders"), tmp_path / "home" / "results" / "b")
    assert kept == "../../coders"
    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "home", moved)
    assert locate(kept, moved / "results" / "b") == str(moved / "coders")
    assert portable("openai-community/gpt2", tmp_path) == "openai-community/gpt2"
    monkeypatch.chdir(tmp_path)
    assert portable("home", tmp_path) == "./home"


def test_the_report_is_one_page_without_outside_links_and_escaped(tmp_path):
    text = (write_bundle(bundle(), tmp_path / "b").path / "report.html").read_text()
    assert "a + b &lt;mod&gt; 59" in text
    assert "It &lt;holds&gt;." in text
    assert "cos 5·s" in text
    assert "<mod>" not in text
    for outside in ("http:", "https:", "<link", "src=", "href=", "@import"):
        assert outside not in text


def test_the_report_holds_without_optional_figures():
    made = bundle()
    text = report_html(
        title="t",
        circuit=made.circuit,
        graph=made.graph,
        validation={"verdict": "undecided", "reasons": []},
        provenance={},
        labels={},
    )
    assert "Undecided" in text
    assert "<svg" not in text


def test_schema_is_written(tmp_path):
    folder = write_bundle(bundle(), tmp_path / "b").path
    assert json.loads((folder / "provenance.json").read_text())["schema"] == SCHEMA
    assert issubclass(FormatError, CoreError)


def with_head(head: HeadNode) -> Bundle:
    """Its graph has L0H3@1 in the place of a feature."""
    own = graph()
    kind = own.kind.index_fill(0, torch.tensor([3]), int(NodeKind.HEAD))
    circuit = replace(bundle().circuit, nodes=(*NODES[:2], head), attention=Attention.CIRCUIT)
    return bundle(circuit=circuit, graph=replace(own, kind=kind))


@pytest.mark.parametrize("head", [HeadNode(0, 3, 1), HeadNode(0, 3)])
def test_a_head_of_a_circuit_is_in_its_graph_at_one_position_at_least(tmp_path, head):
    write_bundle(with_head(head), tmp_path / "b")
    assert open_bundle(tmp_path / "b").circuit.heads == (head,)


def test_a_head_that_the_graph_lacks_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"graph.json.*no node for 1 .* L0H3@2 among them"):
        write_bundle(with_head(HeadNode(0, 3, 2)), tmp_path / "b")


def test_edges_that_the_graph_has_are_written_once(tmp_path):
    made = bundle()
    place = {name: leaf for leaf, name in enumerate(map(str, made.circuit.nodes))}
    ends, weight = [], []
    for (source, target), effect in zip(
        made.graph.edge_index.T.tolist(), made.graph.direct_effect.tolist(), strict=True
    ):
        names = [node_ids(made.graph)[end] for end in (source, target)]
        if all(name in place for name in names):
            ends.append([place[name] for name in names])
            weight.append(effect)
    tree = made.hierarchy.with_edges(np.array(ends).T, np.array(weight))
    folder = write_bundle(replace(made, hierarchy=tree), tmp_path / "sums").path
    assert json.loads((folder / "hierarchy.json").read_text())["edges"] == "graph.json"
    read = open_bundle(folder).hierarchy
    assert read.edge_index.tolist() == tree.edge_index.tolist()
    assert read.weight.tolist() == tree.weight.tolist()


def test_other_edges_stand_in_the_tree_itself(tmp_path):
    made = bundle()
    tree = made.hierarchy.with_edges(np.array([[2], [0]]), np.array([0.5]))
    folder = write_bundle(replace(made, hierarchy=tree), tmp_path / "sums").path
    read = open_bundle(folder).hierarchy
    assert (read.edge_index.tolist(), read.weight.tolist()) == ([[2], [0]], [0.5])
