# What goes on while jobs run: the server that spares them the import of TensorFlow, the panel, and at
# the end what failed jobs said last. By events of Snakemake's log and not by its hooks (`onstart`,
# `onerror`): of a workflow that is a module of another, Snakemake does not run them.

follow.follow(workflow)
