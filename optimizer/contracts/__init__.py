"""Ways in which energy is bought, sold and charged: one file per kind."""
