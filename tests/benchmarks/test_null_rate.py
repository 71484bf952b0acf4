"""What stopped the nulls is counted from the rows."""

from null_jobs import KINDS, Job, jobs
from null_table import summary


def row(kind, verdict, model=(), resample=(), mean=(), where="gpt2-parity", attention=None):
    found = {
        "kind": kind,
        "model": where,
        "verdict": verdict,
        "failed": {"model": list(model), "resample": list(resample), "mean": list(mean)},
        "holds_beyond_the_gate": not resample and not mean,
    }
    return found | ({"attention": attention} if attention else {})


def test_what_stops_a_null_by_hand():
    found = summary(
        [
            row("untrained", "rejected", ["gate", "span"], ["faithfulness"]),
            row("same-answer", "rejected", ["span"], where="gpt2-modadd"),
            row("permuted-answers", "rejected", ["gate"], ["floor"], ["floor"]),
            row("shuffled-features", "does_not_hold", [], ["floor", "phi"], attention="circuit"),
            row("shuffled-labels", "holds", attention="live"),
            row("real", "holds"),
        ]
    )
    nulls = found["nulls"]
    assert (nulls["runs"], nulls["holds"], nulls["past_gate_and_span"]) == (5, 1, 2)
    assert nulls["stopped_by"] == {"gate": 2, "span": 2}
    assert nulls["holds_beyond_the_gate"] == 2
    assert nulls["floor_alone"] == 1
    assert found["parts"]["parity"]["runs"] == 4
    assert found["parts"]["heads counted"]["runs"] == 1
    assert found["real"]["runs"] == 1


def test_names_say_whether_heads_are_counted_and_old_names_stay():
    names = [job.name for job in jobs(quick=False)]
    assert len(names) == len(set(names))
    assert Job("real", "gpt2-modadd", 0).name == "real/gpt2-modadd/0" in names
    assert "permuted-answers/neox-parity/0/heads" in names
    assert {job.kind for job in jobs(quick=True)} == {"real", *KINDS}
