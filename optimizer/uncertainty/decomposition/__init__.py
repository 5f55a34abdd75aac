"""Very many members: bundles of them are planned apart, with a proven bound (see :mod:`.road`)."""
