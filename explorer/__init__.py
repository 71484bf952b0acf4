"""Everything the Streamlit app needs around the engine.

    app         the shell: one look, one menu, one place for messages (`hagd explore` serves it)

    library     stored circuits, new runs, running jobs
    circuit     one circuit: browse, drill down, ablate by click
    lab         change nodes, test them against random ones, keep a log
    prompt      one prompt's attribution graph
    validation  the verdict and why: curves, regimes, controls, dark matter

    sharing     circuits as files: given away, taken in
    inspector   what is known of the node selected last, beside each of these
    menu        the pages and the way from one to another

    session     what a browser session holds: the view in its URL, loaded resources, the test log
    traces      graphs of single prompts, traced here or read from a file
    network     the canvas: from a graph and its tree to what the browser draws (`network/canvas`)
    look        colours and sizes, charts, notices

    jobs        long work in processes of its own, told in files
    engine      imports torch in the background, so that the first page does not wait for it
    memory      what a browser session remembers beside its link

Each knows only what stands below it. Pages (`pages/`) are thin and call one function of a folder
here. Only `session/resources` keeps anything between runs of a page.
"""
