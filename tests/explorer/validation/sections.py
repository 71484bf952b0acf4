"""A validation with every section, by hand: round figures, so that they can be looked for."""

KINDS = ("real", "resampled", "mean", "zero", "shuffled", "noise", "shaped", "linear", "nonlinear")


def block(ablation="resample", errors="ablated", f=0.9, split="test") -> dict:
    """One regime."""
    return {
        "split": split, "ablation": ablation, "error_regime": errors, "faithfulness": f,
        "faithfulness_ci": [f - 0.01, f + 0.01], "phi": 0.95, "phi_empty": 0.05, "phi_full": 1.0,
        "faithfulness_empty": 0.0, "faithfulness_full": 0.99, "necessity": 0.8, "n_nodes": 12,
        "random": {"n": 100, "faithfulness_max": 0.31, "phi_max": 0.2, "p_value": 0.0099,
                   "necessity_max": 0.4},
        "random_free": {"n": 100, "faithfulness_max": 0.11, "phi_max": 0.1, "p_value": 0.0099},
        "plain": {"first": {"faithfulness": 0.44, "phi": 0.3}},
    }  # fmt: skip


def short_of(verdict="holds_in_part", **failed) -> dict:
    """A verdict with conditions unmet under an ablation, and what the engine says."""
    mean = block("mean") | {"phi_empty": 0.57, "accuracy_empty": 0.56}
    said = ["Under resample ablation 12 nodes alone keep F 0.90 of the margin.", "And <b>more</b>."]
    names = {"model": [], "resample": [], "mean": []} | failed
    return block() | {"verdict": verdict, "failed": names, "other_regimes": [mean],
                      "reasons": said}  # fmt: skip


def dark_matter(verdict="structured") -> dict:
    """Two layers, both bases."""

    def row(layers, scale):
        lost = {kind: {"value": scale * i / 100, "ci": [scale * i / 100 - 0.001,
                scale * i / 100 + 0.001]} for i, kind in enumerate(KINDS)}  # fmt: skip
        probed = [{"variable": "kind_of", "directions": 3, "lost": {"value": 0.061, "ci": [0, 1]},
                   "noise": None, "p_value": 0.001}]  # fmt: skip
        return {"layers": layers, "lost": lost, "faithfulness": lost, "probed": probed,
                "tests": {}, "verdict": verdict, "reason": f"Because of <{layers}>."}  # fmt: skip

    probe = {"variable": "kind_of", "n_values": 4, "position": 1, "role": "<b>", "accuracy": 0.875,
             "written": 0.9, "control": 0.25, "selectivity": 0.625, "p_value": 0.001}  # fmt: skip
    layers = [{"layer": i, "unexplained": 0.0123, "linear_r2": 0.5, "probes": [probe]}
              for i in (0, 1)]  # fmt: skip
    bases = [
        {"base": name, "rest": "kept", "layers": [row([0], s), row([1], s)],
         "together": row([0, 1], s), "interaction": 0.0}
        for name, s in (("dictionary", 1), ("circuit", 2))
    ]  # fmt: skip
    return {"measurable": True, "n_prompts": 128, "margin": 0.02, "layers": layers, "bases": bases}


def sections() -> dict:
    """Everything that a page can show."""
    others = [block("mean"), block("zero", f=0.5), *(block(errors=e) for e in ("kept", "zero"))]
    return block() | {
        "verdict": "holds",
        "reasons": ["Because <i>so</i>."],
        "cpr": 0.94,
        "cmd": 0.06,
        "n_edges": 1204,
        "curve": [{"size": n, "faithfulness": n / 24, "phi": n / 24, "random_low": 0.0,
                   "random_high": 0.1} for n in (0, 6, 12, 24)],
        "other_regimes": [*others, block(split="ood", f=0.77)],
        "dark_matter": dark_matter(),
        "predictions": {
            "sentence": "Of 4 supernodes <3> went as predicted.",
            "supernodes": ["A", "B", "C", "D"],
            "scores": {
                "scale_0.5": {"always": 0.875, "graph": {"sign": 0.75, "spearman": 0.5, "r2": 0.25,
                              "random": {"spearman_mean": 0.01, "p_spearman": 0.02}}},
                "scale_1.5": {"always": 0.625, "gradient": {"sign": 0.25, "spearman": -0.5,
                              "r2": -3.0, "random": None,
                              "permuted": {"spearman_mean": 0.03, "p_spearman": 0.6}}},
            },
        },
        "circularity": {
            "sentence": "F is no higher where it was searched on.",
            "splits": {"labels": {"resample": 0.91, "mean": 0.92}},
            "gap": {"resample": {"labels_minus_test": 0.02, "interval": [0.0, 0.04]}},
            "families": {"steering": {"faithfulness": 0.88, "random_max": 0.1}},
        },
        "shi": {
            "sentence": "Three of five pass.",
            "equivalence": {"passed": False, "p_value": 0.003},
            "minimality": {"passed": True, "removable": 0, "tested": 12},
            "sufficiency": {"passed": None, "p_value": None},
            "partial_necessity": {"passed": True, "p_value": 0.00002, "beaten": 1.0},
        },
        "fourier": {
            "variable": "<sum>", "period": 59,
            "embedding": {"key": [1, 3], "share": [0.25, 0.01, 0.125],
                          "largest_share_shuffled": 0.0637},
            "unembedding": {"key": [], "share": [], "largest_share_shuffled": None},
        },
    }  # fmt: skip
