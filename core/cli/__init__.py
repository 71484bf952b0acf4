"""The `hagd` command: one module per command, gathered in `core.cli.main`.

main          the table of commands, and what becomes of an error
run           the whole pipeline
validate      a stored circuit, tested again
results       the circuits there are
export        a circuit for others
import_       what others made
remove        what is one's own, out of the store
transfer      how far one circuit is another's
graph         one prompt's attribution graph
ablate        one intervention on one prompt
train         transcoders
models        the bundled models
tasks         the bundled tasks, or one task
rebuild       what is bundled, made again
explore       the app
doctor        whether the installation is sound
options       options that several commands share
inputs        from what was typed to what the engine takes
output        where an answer goes, as text or as JSON
findings      a validation as text
meter         progress of long work
assets_check  whether the bundled files are whole
browser       which browser the tests can drive
"""
