"""The HAGD engine: models, transcoders, attribution graphs, hierarchy, search, validation, store."""
