"""One module for each verb, found by its name in `towpath.cli.VERBS`."""
