"""Graph files as others write them: one by hand in Neuronpedia's form, with groups and pins."""

from typing import Any


def neuronpedia_file() -> dict[str, Any]:
    """Six features of another model on four tokens, two groups, one pin, texts that need care."""
    node = {"clerp": "", "jsNodeId": "x", "activation": 2.5}
    features = [
        {"node_id": f"{layer}_{index}_{at}", "feature": index, "layer": str(layer), "ctx_idx": at}
        | {"feature_type": "cross layer transcoder"}
        for layer, index, at in ((0, 11, 1), (0, 12, 2), (5, 13, 2), (9, 14, 3), (17, 15, 3))
    ]
    features.append(dict(features[0], node_id="lorsa_0_11_1", feature_type="lorsa"))
    features[0] |= {"clerp": "capital <b>cities</b>", "top_logits": [" Paris", "<i>Rome</i>"]}
    tokens = [
        {"node_id": f"E_{i}_{i}", "feature": i, "layer": "E", "ctx_idx": i}
        | {"feature_type": "embedding"}
        for i in range(4)
    ]
    outputs = [
        {"node_id": f"19_{word}_3", "feature": word, "layer": "19", "ctx_idx": 3}
        | {"feature_type": "logit", "clerp": f'Output "{text}" (p={p})', "token_prob": p}
        for word, text, p in ((7, " Paris", 0.71), (8, " <script>", 0.1))
    ]
    names = [f["node_id"] for f in features]
    links = [("E_1_1", names[0]), ("E_2_2", names[1]), (names[0], names[3]), (names[1], names[2])]
    links += [(names[2], names[4]), (names[3], "19_7_3"), (names[4], "19_7_3")]
    links += [(names[4], "19_8_3"), ("E_1_1", names[5]), (names[5], names[3])]
    return {
        "metadata": {
            "slug": "capitals", "scan": "gemma-2-2b", "prompt": "The <u>capital</u> of France",
            "prompt_tokens": ["<bos>", "The", " capital", " of"],
            "info": {"generator": {"name": "Neuronpedia <x>"}},
        },
        "qParams": {
            "pinnedIds": [names[4], "19_7_3", "gone"],
            "supernodes": [["cities <img>", names[0], names[5]], ["say", names[3], names[0]], [3]],
        },
        "nodes": [node | one for one in (*features, *tokens, *outputs)],
        "links": [
            {"source": a, "target": b, "weight": 1.0 + 0.25 * i} for i, (a, b) in enumerate(links)
        ],
    }  # fmt: skip
