"""What things cost, measured: a script a question. Figures are ratios of one run, because machines are noisy."""
