"""Did it get worse? Two sides' tables in, findings with a verdict each out."""
