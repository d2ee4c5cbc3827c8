"""The commands of `streamr`, a file each: its options and what it does (`perform`)."""
