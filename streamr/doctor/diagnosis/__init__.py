"""What the evidence means: from facts to verdicts. Pure."""
