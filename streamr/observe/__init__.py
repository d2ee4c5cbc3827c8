"""Who is told what happened: the log."""
