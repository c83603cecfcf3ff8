"""The command `howdeep`: one short file a subcommand. The only room that knows the others."""
