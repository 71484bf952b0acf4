"""The HAGD engine: from a model and a task to a circuit, and the tests that it does what is said.

How data flows; every arrow takes immutable values and gives an immutable one:

    task, model ──> transcoders ──> attribution graphs ──> task graph ──> hierarchy
    hierarchy ──> search ──> circuit ──> validation ──> bundle
    bundle ──> lab, inspector, report, interop, share ──> command line and app

The packages, roughly in the order of the method. Each imports only packages above it (import-linter
holds them to that), and none of them draws anything:

    errors         what is refused, as one tree; every message says what to do
    figures        how a figure is kept in a file, and how it is written for people
    assets         where the bundled files are
    names          what tasks, files and folders are called
    choices        dictionaries, guides and nulls by name: what a person chooses among
    verdicts       the words for what validation finds
    tasks          prompt pairs (clean, corrupt), read, checked, dealt into disjoint splits, encoded
    graph          an attribution graph: nodes, direct effects, influence, pruning, scores
    store          results kept under content keys: whole or not at all, resumable, checked
    compiled       programs whose circuit is known, with their graphs
    circuit        the answer: nodes in rank order, and how nodes are named (`L:P:F`, `L0H2@4`)
    models         Hugging Face models, their families as data, checked at load; the one hook file
    transcoders    sparse dictionaries from MLP input to MLP output: train, read, write, measure
    interventions  circuits run on prompts: what is inside is live, the rest at its reference
    attribution    exact direct effects between features, on a prompt; pooled over a task's prompts
    attention      why a head looks where it looks (QK attribution), and what kind of head it is
    hierarchy      a balanced tree of supernodes over a graph, by spectral cuts
    guide          scores of nodes before any ablation: they steer what a search tries first
    search         supernodes dropped down the tree, single nodes ranked, exchange, gates: a ranking
    validation     F, φ, necessity, controls and curves on unseen prompts; the verdict and why
    report         a finished circuit as one page
    bundle         a finished circuit as a folder of seven files
    interop        graphs as circuit-tracer and Neuronpedia write them
    predictions    what supernodes will do, registered before it is tested, and scored
    lab            interventions on a finished circuit, prompt by prompt and over the task
    features       evidence on features and groups: contexts, outputs, edges, variables, Fourier
    labels         names that features, heads and supernodes get from that evidence
    inspector      reports: all that is shown of one feature, head or supernode
    darkmatter     what a dictionary's reconstruction errors are to the behaviour, and its tests
    pipeline       the whole run, and the null runs that must not validate
    zoo            what is bundled, and how it is made: models, dictionaries, circuits
    lessons        what every node does, measured: what guides learn from
    transfer       how far one model's circuit is another's, with nulls and ceiling
    share          a finished circuit in other forms, for others
    cli            the `hagd` command

Start at `core.pipeline.run.run_task`, which reads as the method does.
"""
