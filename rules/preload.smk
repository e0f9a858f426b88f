# While the workflow runs: a server that spares the jobs the import of TensorFlow, and at the end what
# failed jobs said last. No hooks (`onstart`): Snakemake runs those of the main workflow only.

follow.follow(workflow)
