# A server that spares the jobs the import of TensorFlow, while the workflow runs.

from snakemake.settings.types import ExecMode

import serve

SERVER = serve.Server()


# It has the packages of this machine and this environment, and is of use to jobs with the same.
onstart:
    deployed = workflow.deployment_settings.deployment_method
    if workflow.exec_mode == ExecMode.DEFAULT and workflow.local_exec and not deployed:
        SERVER.start()


onsuccess:
    SERVER.stop()


onerror:
    SERVER.stop()
