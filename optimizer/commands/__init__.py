"""Commands that are too long for the command line's own module; each is imported when it is used."""
