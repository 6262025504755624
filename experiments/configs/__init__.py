"""One config file per published run."""
