"""What people and programs do: one module per verb. Pages, REST and command lines call the same function.

Each takes `by: Actor`, checks the role, and works in one transaction.
"""
