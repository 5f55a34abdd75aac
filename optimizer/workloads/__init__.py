"""Work that runs on GPU pools: one file per kind."""
