"""The doors: one package each, plus the little code that doors share."""
