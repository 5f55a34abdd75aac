"""Plans that stay near the one before: a price or a bound on changes, the changes told, and what they are worth."""
