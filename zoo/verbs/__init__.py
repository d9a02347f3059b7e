"""The verbs of the command line, a file for each group; every `enter` says its verbs' arguments."""
