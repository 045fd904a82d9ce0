"""What deserves attention, and how people hear of it: rules, the machine that judges them, and the telling."""
