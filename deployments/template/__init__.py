"""The files of a new project, as `headgate init` writes them. Names in `deployments.scaffold` say where each goes."""
