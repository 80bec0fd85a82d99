"""May this model move? Evidence, policy, gates, promotion, ledger, and the doors to the registry."""
